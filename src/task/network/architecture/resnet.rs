//! He, Zhang, Ren, Sun (2016), Deep residual learning for image recognition, CVPR: 18 and 34 layers, as `torchvision.models.resnet18` and
//! `resnet34`; and the first with squeeze-and-excitation (Hu, Shen, Sun 2018, Squeeze-and-excitation networks, CVPR).

use super::{Architecture, Form, Network, named, plain};
use crate::task::network::layer::{Conv2d, Initial, Layer, Linear, Named, Pool};
use crate::task::parameter::{ParameterDef, Parameters};

/// A network of residual blocks.
#[derive(Debug)]
pub struct ResNet {
    name: &'static str,
    doc: &'static str,
    /// The blocks of each of the four stages.
    blocks: [usize; 4],
    /// Whether each block weighs its channels.
    squeezes: bool,
}

/// How much fewer channels squeeze-and-excitation has inside (the paper's r).
const REDUCTION: usize = 16;

impl ResNet {
    /// 18 layers.
    pub const EIGHTEEN: Self = Self {
        name: "resnet18",
        doc: "ResNet-18 (He et al. 2016), as torchvision.models.resnet18",
        blocks: [2, 2, 2, 2],
        squeezes: false,
    };
    /// 34 layers.
    pub const THIRTY_FOUR: Self = Self {
        name: "resnet34",
        doc: "ResNet-34 (He et al. 2016), as torchvision.models.resnet34",
        blocks: [3, 4, 6, 3],
        squeezes: false,
    };
    /// 18 layers, and attention to channels.
    pub const SQUEEZED: Self = Self {
        name: "se_resnet18",
        doc: "ResNet-18 with squeeze-and-excitation in every block (Hu et al. 2018, reduction 16)",
        blocks: [2, 2, 2, 2],
        squeezes: true,
    };

    /// The basic block: two convolutions of 3×3, and a shortcut that is a convolution of 1×1 where the extents change.
    fn block(&self, input: usize, output: usize, stride: usize) -> Layer {
        let mut body = vec![
            named("conv1", conv(input, output, 3, stride)),
            named("bn1", Layer::BatchNorm2d { channels: output }),
            plain(Layer::Relu),
            named("conv2", conv(output, output, 3, 1)),
            named("bn2", Layer::BatchNorm2d { channels: output }),
        ];
        if self.squeezes {
            body.push(named("se", squeeze_and_excitation(output)));
        }
        let shortcut = if stride == 1 && input == output {
            Vec::new()
        } else {
            let layers = vec![
                named("0", conv(input, output, 1, stride)),
                named("1", Layer::BatchNorm2d { channels: output }),
            ];
            vec![named("downsample", Layer::Sequential(layers))]
        };
        Layer::Sequential(vec![plain(Layer::Residual { body, shortcut }), plain(Layer::Relu)])
    }
}

fn conv(input: usize, output: usize, kernel: usize, stride: usize) -> Layer {
    let initial = Initial::KaimingNormal;
    Layer::Conv2d(Conv2d { stride, bias: false, initial, ..Conv2d::new(input, output, kernel) })
}

/// As `torchvision.ops.SqueezeExcitation`: its two affine maps are convolutions of 1×1.
fn squeeze_and_excitation(channels: usize) -> Layer {
    let inner = channels / REDUCTION;
    let conv = |input, output| {
        Layer::Conv2d(Conv2d { initial: Initial::KaimingNormalWeight, ..Conv2d::new(input, output, 1) })
    };
    Layer::Gate(vec![
        plain(Layer::AdaptiveAvgPool2d { size: 1 }),
        named("fc1", conv(channels, inner)),
        plain(Layer::Relu),
        named("fc2", conv(inner, channels)),
        plain(Layer::Sigmoid),
    ])
}

impl Architecture for ResNet {
    fn name(&self) -> &'static str {
        self.name
    }

    fn doc(&self) -> &'static str {
        self.doc
    }

    fn parameters(&self) -> Vec<ParameterDef> {
        Vec::new()
    }

    fn layers(&self, form: &Form, _: &Parameters) -> Result<Network, String> {
        let [channels, ..] = form.image()?;
        let stem = Conv2d {
            padding: 3,
            stride: 2,
            bias: false,
            initial: Initial::KaimingNormal,
            ..Conv2d::new(channels, 64, 7)
        };
        let mut layers: Vec<Named> = vec![
            named("conv1", Layer::Conv2d(stem)),
            named("bn1", Layer::BatchNorm2d { channels: 64 }),
            plain(Layer::Relu),
            plain(Layer::MaxPool2d(Pool { kernel: 3, stride: 2, padding: 1 })),
        ];
        let mut input = 64;
        for (stage, blocks) in self.blocks.into_iter().enumerate() {
            let output = 64 << stage;
            let mut of_stage = Vec::new();
            for block in 0..blocks {
                let stride = if stage > 0 && block == 0 { 2 } else { 1 };
                of_stage.push(named(&block.to_string(), self.block(input, output, stride)));
                input = output;
            }
            layers.push(named(&format!("layer{}", stage + 1), Layer::Sequential(of_stage)));
        }
        layers.extend([
            plain(Layer::AdaptiveAvgPool2d { size: 1 }),
            plain(Layer::Flatten),
            named("fc", Layer::Linear(Linear::new(512, form.outputs))),
        ]);
        Ok(Network { layers })
    }
}
