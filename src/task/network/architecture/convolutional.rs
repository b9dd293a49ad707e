//! Plain stacks of convolutions: LeNet-5, a simple one with batch normalisation, AlexNet.

use super::{Architecture, Form, Network, dropout, named, number, plain};
use crate::task::network::layer::{Conv2d, Layer, Linear, Pool, window};
use crate::task::parameter::{ParameterDef, Parameters};

/// LeCun, Bottou, Bengio, Haffner (1998), Gradient-based learning applied to document recognition, Proceedings of the IEEE 86 (11), section II-B.
///
/// Deviations, the common ones: S2 and S4 are plain means without a factor and a bias of their own, C3 sees every map of S2, the hyperbolic
/// tangent is not scaled, and the outputs are an affine map instead of radial basis functions. Images of 28×28 get a border of two zeros, as the paper's
/// have.
#[derive(Debug)]
pub struct LeNet5;

impl Architecture for LeNet5 {
    fn name(&self) -> &'static str {
        "lenet5"
    }

    fn doc(&self) -> &'static str {
        "LeNet-5 (LeCun et al. 1998): two convolutions with means, then three affine maps; hyperbolic tangents"
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        Vec::new()
    }

    fn layers(&self, form: &Form, _: &Parameters) -> Result<Network, String> {
        let [channels, height, width] = form.image()?;
        let padding = match (height, width) {
            (28, 28) => 2,
            (32, 32) => 0,
            _ => return Err(format!("lenet5 wants images of 28×28 or 32×32, but they are {height}×{width}")),
        };
        let layers = vec![
            named("conv1", Layer::Conv2d(Conv2d { padding, ..Conv2d::new(channels, 6, 5) })),
            plain(Layer::Tanh),
            plain(Layer::AvgPool2d(Pool::new(2))),
            named("conv2", Layer::Conv2d(Conv2d { padding: 0, ..Conv2d::new(6, 16, 5) })),
            plain(Layer::Tanh),
            plain(Layer::AvgPool2d(Pool::new(2))),
            plain(Layer::Flatten),
            named("fc1", Layer::Linear(Linear::new(16 * 5 * 5, 120))),
            plain(Layer::Tanh),
            named("fc2", Layer::Linear(Linear::new(120, 84))),
            plain(Layer::Tanh),
            named("fc3", Layer::Linear(Linear::new(84, form.outputs))),
        ];
        Ok(Network { layers })
    }
}

/// Two blocks of convolution, batch normalisation (Ioffe and Szegedy 2015), rectifier and maximum, then dropout (Srivastava et al. 2014)
/// and an affine map: the smallest network with all of them.
#[derive(Debug)]
pub struct SimpleCnn;

impl Architecture for SimpleCnn {
    fn name(&self) -> &'static str {
        "simple_cnn"
    }

    fn doc(&self) -> &'static str {
        "two blocks of 3×3 convolution, batch normalisation, rectifier and maximum, then dropout and an affine map"
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        vec![dropout(0.25)]
    }

    fn layers(&self, form: &Form, parameters: &Parameters) -> Result<Network, String> {
        let [channels, height, width] = form.image()?;
        let [rows, columns] = [height, width].map(|extent| Pool::new(2).of(Pool::new(2).of(extent)));
        if rows == 0 || columns == 0 {
            return Err(format!("simple_cnn wants images of at least 4×4, but they are {height}×{width}"));
        }
        let conv = |input, output| Layer::Conv2d(Conv2d { bias: false, ..Conv2d::new(input, output, 3) });
        let layers = vec![
            named("conv1", conv(channels, 32)),
            named("bn1", Layer::BatchNorm2d { channels: 32 }),
            plain(Layer::Relu),
            plain(Layer::MaxPool2d(Pool::new(2))),
            named("conv2", conv(32, 64)),
            named("bn2", Layer::BatchNorm2d { channels: 64 }),
            plain(Layer::Relu),
            plain(Layer::MaxPool2d(Pool::new(2))),
            plain(Layer::Flatten),
            plain(Layer::Dropout(number(parameters, "dropout")?)),
            named("fc", Layer::Linear(Linear::new(64 * rows * columns, form.outputs))),
        ];
        Ok(Network { layers })
    }
}

/// Krizhevsky (2014), One weird trick for parallelizing convolutional neural networks, arXiv 1404.5997, as `torchvision.models.alexnet`:
/// one column, no local response normalisation.
#[derive(Debug)]
pub struct AlexNet;

impl Architecture for AlexNet {
    fn name(&self) -> &'static str {
        "alexnet"
    }

    fn doc(&self) -> &'static str {
        "AlexNet (Krizhevsky 2014), as torchvision.models.alexnet"
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        vec![dropout(0.5)]
    }

    fn layers(&self, form: &Form, parameters: &Parameters) -> Result<Network, String> {
        let [channels, height, width] = form.image()?;
        let pool = Pool { kernel: 3, stride: 2, padding: 0 };
        let last = |extent| pool.of(pool.of(pool.of(window(extent, 11, 4, 2))));
        if last(height.min(width)) == 0 {
            return Err(format!("alexnet wants images of at least 63×63, but they are {height}×{width}"));
        }
        let dropout = number(parameters, "dropout")?;
        let conv = |input, output, kernel| Layer::Conv2d(Conv2d::new(input, output, kernel));
        let features = vec![
            named("0", Layer::Conv2d(Conv2d { stride: 4, padding: 2, ..Conv2d::new(channels, 64, 11) })),
            plain(Layer::Relu),
            plain(Layer::MaxPool2d(pool)),
            named("3", conv(64, 192, 5)),
            plain(Layer::Relu),
            plain(Layer::MaxPool2d(pool)),
            named("6", conv(192, 384, 3)),
            plain(Layer::Relu),
            named("8", conv(384, 256, 3)),
            plain(Layer::Relu),
            named("10", conv(256, 256, 3)),
            plain(Layer::Relu),
            plain(Layer::MaxPool2d(pool)),
        ];
        let classifier = vec![
            plain(Layer::Dropout(dropout)),
            named("1", Layer::Linear(Linear::new(256 * 6 * 6, 4096))),
            plain(Layer::Relu),
            plain(Layer::Dropout(dropout)),
            named("4", Layer::Linear(Linear::new(4096, 4096))),
            plain(Layer::Relu),
            named("6", Layer::Linear(Linear::new(4096, form.outputs))),
        ];
        let layers = vec![
            named("features", Layer::Sequential(features)),
            plain(Layer::AdaptiveAvgPool2d { size: 6 }),
            plain(Layer::Flatten),
            named("classifier", Layer::Sequential(classifier)),
        ];
        Ok(Network { layers })
    }
}
