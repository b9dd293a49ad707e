//! PyTorch's optimisers. Those of libtorch's C++ interface give the same bits as Python's for gradient descent and RMSprop; its Adam updates
//! the mean of gradients by another formula than Python's (`mul_` and `add_` instead of `lerp_`), so that of `torch/optim/adam.py`
//! (`_single_tensor_adam`) is written out here.
//!
//! In bfloat16 libtorch's kernels take numbers in single precision and round but their result. So do the sums of products here, whose factors
//! tch does not take: they are made in single precision.

use benchrun::task::network::precision::Precision;
use benchrun::task::network::training::{Optimizer as Kind, Training};
use benchrun::task::parameter::Parameters;
use tch::nn::{self, OptimizerConfig, VarStore};
use tch::{Kind as Type, Tensor};

/// Refuses what tch cannot compute with PyTorch's bits.
///
/// # Errors
/// Why.
pub fn check(training: &Training, precision: Precision) -> Result<(), String> {
    let adam = matches!(training.optimizer, Kind::Adam { decoupled: false, .. });
    if precision == Precision::Bfloat16 && adam && training.weight_decay != 0.0 {
        // `grad.add(p, alpha=weight_decay)` rounds the factor to bfloat16 in its vectors, and not in what is left over.
        let reason = "tch has no `add` with a factor, which weight_decay of adam is in bfloat16";
        return Err(reason.to_owned());
    }
    Ok(())
}

/// An optimiser.
pub struct Optimiser {
    kind: Kind,
    weight_decay: f64,
    clip_norm: Option<f64>,
    parameters: Vec<Tensor>,
    method: Method,
}

enum Method {
    /// libtorch's own.
    Library(nn::Optimizer),
    /// Adam and AdamW: the two means of each parameter, and the steps so far.
    Adam { means: Vec<(Tensor, Tensor)>, steps: i32 },
}

impl Optimiser {
    /// An optimiser of some parameters, which are those of the store, in the order of PyTorch's modules.
    pub fn new(
        training: &Training,
        store: &VarStore,
        parameters: Vec<Tensor>,
    ) -> Result<Self, tch::TchError> {
        let Training { optimizer: kind, weight_decay, clip_norm, learning_rate, .. } = *training;
        let method = match kind {
            Kind::Sgd { momentum, nesterov } => {
                Method::Library(nn::sgd(momentum, 0.0, weight_decay, nesterov).build(store, learning_rate)?)
            }
            Kind::RmsProp { alpha, eps, momentum } => {
                let config = nn::RmsProp { alpha, eps, wd: weight_decay, momentum, centered: false };
                Method::Library(config.build(store, learning_rate)?)
            }
            Kind::Adam { .. } => {
                let means = parameters.iter().map(|p| (p.zeros_like(), p.zeros_like())).collect();
                Method::Adam { means, steps: 0 }
            }
        };
        Ok(Self { kind, weight_decay, clip_norm, parameters, method })
    }

    /// One step down the gradients of a loss.
    pub fn step(&mut self, loss: &Tensor, rate: f64) {
        match &mut self.method {
            Method::Library(optimizer) => {
                optimizer.set_lr(rate);
                optimizer.zero_grad();
                loss.backward();
                clip(self.clip_norm, self.parameters.iter().map(Tensor::grad));
                optimizer.step();
            }
            Method::Adam { means, steps } => {
                let gradients = Tensor::run_backward(&[loss], &self.parameters, false, false);
                clip(self.clip_norm, gradients.iter().map(Tensor::shallow_clone));
                *steps += 1;
                if let Kind::Adam { beta1, beta2, eps, decoupled } = self.kind {
                    let moments = Moments { beta1, beta2, eps, decoupled, weight_decay: self.weight_decay };
                    let places = self.parameters.iter_mut().zip(&gradients).zip(means);
                    tch::no_grad(|| places.for_each(|((p, g), m)| moments.update(p, g, m, *steps, rate)));
                }
            }
        }
    }

    /// The hyperparameters that it uses.
    pub fn read_back(&self) -> Parameters {
        self.kind.told(self.weight_decay, self.clip_norm)
    }
}

/// `torch.nn.utils.clip_grad_norm_`, in place.
fn clip(largest: Option<f64>, gradients: impl Iterator<Item = Tensor>) {
    let Some(largest) = largest else { return };
    let mut gradients: Vec<Tensor> = gradients.collect();
    let norm = |t: &Tensor| t.flatten(0, -1).linalg_norm(2.0, [0_i64].as_slice(), false, None);
    let total = norm(&Tensor::stack(&gradients.iter().map(norm).collect::<Vec<_>>(), 0));
    // Python divides a number by a tensor as this product.
    let coefficient = (total.g_add_scalar(1e-6).reciprocal() * largest).clamp_max(1.0);
    for gradient in &mut gradients {
        let _ = gradient.g_mul_(&coefficient);
    }
}

struct Moments {
    beta1: f64,
    beta2: f64,
    eps: f64,
    decoupled: bool,
    weight_decay: f64,
}

impl Moments {
    /// `_single_tensor_adam`. tch's `add`, `addcmul` and `addcdiv` take no factor: it is multiplied in before, in the order in which they
    /// round.
    fn update(&self, p: &mut Tensor, gradient: &Tensor, means: &mut (Tensor, Tensor), steps: i32, rate: f64) {
        let decayed;
        let mut gradient = gradient;
        if self.decoupled {
            let _ = p.g_mul_scalar_(1.0 - rate * self.weight_decay);
        } else if self.weight_decay != 0.0 {
            // `grad.add(p, alpha=weight_decay)` rounds once, as this does.
            let weight_decay = Tensor::from(self.weight_decay).to_kind(Type::Float).to_device(p.device());
            decayed = gradient.addcmul(p, &weight_decay);
            gradient = &decayed;
        }
        let (mean, square) = means;
        let _ = mean.lerp_(gradient, 1.0 - self.beta1);
        let _ = square.g_mul_scalar_(self.beta2);
        let wide = gradient.to_kind(Type::Float);
        in_single_precision(square, |square| {
            let _ = square.addcmul_(&(&wide * (1.0 - self.beta2)), &wide);
        });
        let size = rate / (1.0 - self.beta1.powi(steps));
        let root = (1.0 - self.beta2.powi(steps)).sqrt();
        let denominator = (square.sqrt() / root).g_add_scalar_(self.eps);
        let (mean, denominator) = (mean.to_kind(Type::Float), denominator.to_kind(Type::Float));
        in_single_precision(p, |p| {
            let _ = p.addcdiv_(&(&mean * -size), &denominator);
        });
    }
}

/// Changes a tensor in place: in single precision, and rounded once where it is of another type.
fn in_single_precision(tensor: &mut Tensor, change: impl FnOnce(&mut Tensor)) {
    if tensor.kind() == Type::Float {
        return change(tensor);
    }
    let mut wide = tensor.to_kind(Type::Float);
    change(&mut wide);
    tensor.copy_(&wide);
}
