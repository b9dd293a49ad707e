//! Simonyan and Zisserman (2015), Very deep convolutional networks for large-scale image recognition, ICLR: configuration D, as
//! `torchvision.models.vgg16`.

use super::{Architecture, Form, Network, dropout, named, number, plain};
use crate::task::network::layer::{Conv2d, Initial, Layer, Linear, Pool};
use crate::task::parameter::{ParameterDef, Parameters};

/// Configuration D: the channels of the convolutions of each block.
const BLOCKS: [&[usize]; 5] = [&[64, 64], &[128, 128], &[256, 256, 256], &[512, 512, 512], &[512, 512, 512]];

/// VGG-16.
#[derive(Debug)]
pub struct Vgg16;

impl Architecture for Vgg16 {
    fn name(&self) -> &'static str {
        "vgg16"
    }

    fn doc(&self) -> &'static str {
        "VGG-16 (Simonyan and Zisserman 2015), as torchvision.models.vgg16"
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        vec![dropout(0.5)]
    }

    fn layers(&self, form: &Form, parameters: &Parameters) -> Result<Network, String> {
        let [mut channels, height, width] = form.image()?;
        if height.min(width) < 32 {
            return Err(format!("vgg16 wants images of at least 32×32, but they are {height}×{width}"));
        }
        let mut features = Vec::new();
        // Names count the modules, also those without tensors.
        let mut place = 0;
        for block in BLOCKS {
            for output in block {
                let conv = Conv2d { initial: Initial::KaimingNormal, ..Conv2d::new(channels, *output, 3) };
                features.extend([named(&place.to_string(), Layer::Conv2d(conv)), plain(Layer::Relu)]);
                (channels, place) = (*output, place + 2);
            }
            features.push(plain(Layer::MaxPool2d(Pool::new(2))));
            place += 1;
        }
        let dropout = number(parameters, "dropout")?;
        let linear = |input, output| {
            Layer::Linear(Linear { initial: Initial::Normal(0.01), ..Linear::new(input, output) })
        };
        let classifier = vec![
            named("0", linear(512 * 7 * 7, 4096)),
            plain(Layer::Relu),
            plain(Layer::Dropout(dropout)),
            named("3", linear(4096, 4096)),
            plain(Layer::Relu),
            plain(Layer::Dropout(dropout)),
            named("6", linear(4096, form.outputs)),
        ];
        let layers = vec![
            named("features", Layer::Sequential(features)),
            plain(Layer::AdaptiveAvgPool2d { size: 7 }),
            plain(Layer::Flatten),
            named("classifier", Layer::Sequential(classifier)),
        ];
        Ok(Network { layers })
    }
}
