//! PyTorch's optimisers on candle's variables. candle-nn has plain gradient descent and AdamW alone; the formulas are those of
//! `torch.optim`'s single-tensor code, in its order.

use candle_core::backprop::GradStore;
use candle_core::{Result, Tensor, Var};

use crate::task::network::training::{Optimizer, Training};
use crate::task::parameter::Parameters;

/// An optimiser and what it remembers of each variable.
#[derive(Debug)]
pub struct Optimiser {
    kind: Optimizer,
    weight_decay: f64,
    clip_norm: Option<f64>,
    variables: Vec<(Var, Memory)>,
    steps: i32,
}

/// What is remembered of one variable. It begins with the first step.
#[derive(Debug, Default)]
struct Memory {
    /// The buffer of momentum, or the mean of gradients.
    first: Option<Tensor>,
    /// The mean of squared gradients.
    second: Option<Tensor>,
}

impl Optimiser {
    /// An optimiser of some variables.
    pub fn new(training: &Training, variables: Vec<Var>) -> Self {
        let variables = variables.into_iter().map(|variable| (variable, Memory::default())).collect();
        let Training { optimizer: kind, weight_decay, clip_norm, .. } = *training;
        Self { kind, weight_decay, clip_norm, variables, steps: 0 }
    }

    /// One step at a learning rate.
    ///
    /// # Errors
    /// candle's.
    pub fn step(&mut self, gradients: &GradStore, rate: f64) -> Result<()> {
        self.steps += 1;
        let scale = match self.clip_norm {
            None => None,
            Some(largest) => {
                let mut sum = 0.0;
                for (variable, _) in &self.variables {
                    if let Some(gradient) = gradients.get(variable) {
                        sum += f64::from(gradient.sqr()?.sum_all()?.to_scalar::<f32>()?);
                    }
                }
                Some((largest / (sum.sqrt() + 1e-6)).min(1.0))
            }
        };
        let (kind, weight_decay, steps) = (self.kind, self.weight_decay, self.steps);
        for (variable, memory) in &mut self.variables {
            let Some(gradient) = gradients.get(variable) else { continue };
            let mut gradient = gradient.clone();
            if let Some(scale) = scale {
                gradient = (gradient * scale)?;
            }
            let weights = variable.as_detached_tensor();
            let updated = update(kind, weight_decay, steps, rate, &weights, gradient, memory)?;
            variable.set(&updated)?;
        }
        Ok(())
    }

    /// The hyperparameters that it uses.
    pub fn read_back(&self) -> Parameters {
        self.kind.told(self.weight_decay, self.clip_norm)
    }
}

/// The weights after a step.
fn update(
    kind: Optimizer,
    weight_decay: f64,
    steps: i32,
    rate: f64,
    weights: &Tensor,
    mut gradient: Tensor,
    memory: &mut Memory,
) -> Result<Tensor> {
    let decoupled = matches!(kind, Optimizer::Adam { decoupled: true, .. });
    if weight_decay != 0.0 && !decoupled {
        gradient = (gradient + (weights * weight_decay)?)?;
    }
    match kind {
        Optimizer::Sgd { momentum, nesterov } => {
            if momentum != 0.0 {
                let buffer = match &memory.first {
                    None => gradient.clone(),
                    Some(buffer) => ((buffer * momentum)? + &gradient)?,
                };
                gradient = if nesterov { (gradient + (&buffer * momentum)?)? } else { buffer.clone() };
                memory.first = Some(buffer);
            }
            weights - (gradient * rate)?
        }
        Optimizer::Adam { beta1, beta2, eps, decoupled } => {
            let weights = if decoupled { (weights * (1.0 - rate * weight_decay))? } else { weights.clone() };
            let zero = || gradient.zeros_like();
            let mean = memory.first.take().map_or_else(zero, Ok)?;
            let mean = (&mean + ((&gradient - &mean)? * (1.0 - beta1))?)?;
            let square = memory.second.take().map_or_else(zero, Ok)?;
            let square = ((square * beta2)? + (gradient.sqr()? * (1.0 - beta2))?)?;
            let size = rate / (1.0 - beta1.powi(steps));
            let root = (1.0 - beta2.powi(steps)).sqrt();
            let denominator = ((square.sqrt()? / root)? + eps)?;
            let updated = weights - ((&mean / denominator)? * size)?;
            (memory.first, memory.second) = (Some(mean), Some(square));
            updated
        }
        Optimizer::RmsProp { alpha, eps, momentum } => {
            let square = memory.second.take().map_or_else(|| gradient.zeros_like(), Ok)?;
            let square = ((square * alpha)? + (gradient.sqr()? * (1.0 - alpha))?)?;
            let mut step = (gradient / (square.sqrt()? + eps)?)?;
            memory.second = Some(square);
            if momentum > 0.0 {
                if let Some(buffer) = &memory.first {
                    step = ((buffer * momentum)? + step)?;
                }
                memory.first = Some(step.clone());
            }
            weights - (step * rate)?
        }
    }
}
