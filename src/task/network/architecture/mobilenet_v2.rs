//! Sandler, Howard, Zhu, Zhmoginov, Chen (2018), MobileNetV2: inverted residuals and linear bottlenecks, CVPR, table 2, as
//! `torchvision.models.mobilenet_v2`.

use super::{Architecture, Form, Network, dropout, named, number, plain};
use crate::task::network::layer::{Conv2d, Initial, Layer, Linear, Named};
use crate::task::parameter::{ParameterDef, Parameters};

/// Table 2: expansion t, channels c, repetitions n, step s of the first.
const BOTTLENECKS: [(usize, usize, usize, usize); 7] = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
];

/// MobileNetV2.
#[derive(Debug)]
pub struct MobileNetV2;

impl Architecture for MobileNetV2 {
    fn name(&self) -> &'static str {
        "mobilenet_v2"
    }

    fn doc(&self) -> &'static str {
        "MobileNetV2 (Sandler et al. 2018), as torchvision.models.mobilenet_v2"
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        vec![dropout(0.2)]
    }

    fn layers(&self, form: &Form, parameters: &Parameters) -> Result<Network, String> {
        let [channels, ..] = form.image()?;
        let mut features: Vec<Named> = vec![named("0", Layer::Sequential(conv_norm(channels, 32, 3, 2, 1)))];
        let mut input = 32;
        for (expansion, output, repetitions, stride) in BOTTLENECKS {
            for repetition in 0..repetitions {
                let stride = if repetition == 0 { stride } else { 1 };
                features
                    .push(named(&features.len().to_string(), bottleneck(input, output, stride, expansion)));
                input = output;
            }
        }
        features.push(named(&features.len().to_string(), Layer::Sequential(conv_norm(input, 1280, 1, 1, 1))));
        let linear = Linear { initial: Initial::Normal(0.01), ..Linear::new(1280, form.outputs) };
        let classifier =
            vec![plain(Layer::Dropout(number(parameters, "dropout")?)), named("1", Layer::Linear(linear))];
        let layers = vec![
            named("features", Layer::Sequential(features)),
            plain(Layer::AdaptiveAvgPool2d { size: 1 }),
            plain(Layer::Flatten),
            named("classifier", Layer::Sequential(classifier)),
        ];
        Ok(Network { layers })
    }
}

/// A convolution, batch normalisation and the rectifier that ends at 6.
fn conv_norm(input: usize, output: usize, kernel: usize, stride: usize, groups: usize) -> Vec<Named> {
    vec![
        named("0", conv(input, output, kernel, stride, groups)),
        named("1", Layer::BatchNorm2d { channels: output }),
        plain(Layer::Relu6),
    ]
}

fn conv(input: usize, output: usize, kernel: usize, stride: usize, groups: usize) -> Layer {
    let initial = Initial::KaimingNormal;
    Layer::Conv2d(Conv2d { stride, groups, bias: false, initial, ..Conv2d::new(input, output, kernel) })
}

/// The inverted residual: channels are widened, seen each alone, and narrowed without a rectifier.
fn bottleneck(input: usize, output: usize, stride: usize, expansion: usize) -> Layer {
    let hidden = input * expansion;
    let mut layers: Vec<Layer> = Vec::new();
    if expansion != 1 {
        layers.push(Layer::Sequential(conv_norm(input, hidden, 1, 1, 1)));
    }
    layers.extend([
        Layer::Sequential(conv_norm(hidden, hidden, 3, stride, hidden)),
        conv(hidden, output, 1, 1, 1),
        Layer::BatchNorm2d { channels: output },
    ]);
    let layers: Vec<Named> =
        layers.into_iter().enumerate().map(|(place, layer)| named(&place.to_string(), layer)).collect();
    let body = vec![named("conv", Layer::Sequential(layers))];
    if stride == 1 && input == output {
        Layer::Residual { body, shortcut: Vec::new() }
    } else {
        Layer::Sequential(body)
    }
}
