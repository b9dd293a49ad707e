//! How a network is trained: the hyperparameters that every architecture shares, read into one checked form.
//!
//! Optimisers are PyTorch's of the same names, with its defaults.

use crate::task::parameter::{ParameterDef, Parameters, Value};

/// How a network is trained.
#[derive(Debug, Clone, PartialEq)]
pub struct Training {
    /// The optimiser.
    pub optimizer: Optimizer,
    /// The weight of ½‖w‖² in the loss (sgd, adam, rmsprop), or the share of w that a step takes off per unit of rate (adamw).
    pub weight_decay: f64,
    /// The rate of the first step.
    pub learning_rate: f64,
    /// How the rate falls.
    pub schedule: Schedule,
    /// The largest norm of all gradients together.
    pub clip_norm: Option<f64>,
    /// Rows of a step.
    pub batch_size: usize,
    /// Passes over the training rows.
    pub epochs: usize,
    /// The most steps.
    pub steps: Option<usize>,
    /// After so many epochs without a smaller loss on the validation rows training ends.
    pub patience: Option<usize>,
    /// The share of training rows that are set apart for that.
    pub validation: f64,
    /// Whether half of the images of a step are mirrored, left to right.
    pub flip: bool,
    /// By up to so many pixels each is moved, up or down and left or right.
    pub shift: usize,
}

/// An optimiser with its constants.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Optimizer {
    /// Stochastic gradient descent with Polyak's or Nesterov's momentum.
    Sgd {
        /// The share of the last step that is taken again.
        momentum: f64,
        /// Nesterov's form.
        nesterov: bool,
    },
    /// Kingma and Ba (2015).
    Adam {
        /// The decay of the mean of gradients.
        beta1: f64,
        /// The decay of the mean of their squares.
        beta2: f64,
        /// Added to the root.
        eps: f64,
        /// Loshchilov and Hutter (2019): decay apart from the gradients (AdamW).
        decoupled: bool,
    },
    /// Tieleman and Hinton (2012).
    RmsProp {
        /// The decay of the mean of squares.
        alpha: f64,
        /// Added to the root.
        eps: f64,
        /// As of [`Optimizer::Sgd`].
        momentum: f64,
    },
}

impl Optimizer {
    /// The hyperparameters of an optimiser that computes with this, as a native framework reads them back.
    pub fn told(self, weight_decay: f64, clip_norm: Option<f64>) -> Parameters {
        let text = |t: &str| Value::Text(t.to_owned());
        let mut told = vec![
            ("weight_decay", Value::Float(weight_decay)),
            ("clip_norm", clip_norm.map_or(text("none"), Value::Float)),
        ];
        told.extend(match self {
            Self::Sgd { momentum, nesterov } => vec![
                ("optimizer", text("sgd")),
                ("momentum", Value::Float(momentum)),
                ("nesterov", Value::Bool(nesterov)),
            ],
            Self::Adam { beta1, beta2, eps, decoupled } => vec![
                ("optimizer", text(if decoupled { "adamw" } else { "adam" })),
                ("beta1", Value::Float(beta1)),
                ("beta2", Value::Float(beta2)),
                ("eps", Value::Float(eps)),
            ],
            Self::RmsProp { alpha, eps, momentum } => vec![
                ("optimizer", text("rmsprop")),
                ("alpha", Value::Float(alpha)),
                ("eps", Value::Float(eps)),
                ("momentum", Value::Float(momentum)),
            ],
        });
        told.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
    }
}

/// How the learning rate falls, from epoch to epoch.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Schedule {
    /// It does not.
    Constant,
    /// By a factor every so many epochs.
    Step {
        /// The epochs.
        epochs: usize,
        /// The factor.
        gamma: f64,
    },
    /// Along half a cosine to 0 at the end (Loshchilov and Hutter 2017, without restarts).
    Cosine,
}

/// The hyperparameters of every architecture.
pub fn parameters() -> Vec<ParameterDef> {
    let float = ParameterDef::float_from;
    let none = |definition: ParameterDef| definition.or(&["none"]).by_default("none");
    vec![
        ParameterDef::choice(
            "optimizer",
            &["sgd", "adam", "adamw", "rmsprop"],
            "sgd",
            "the optimiser, as PyTorch's of that name",
        ),
        ParameterDef::positive("learning_rate", 0.01, "the learning rate of the first step"),
        float("momentum", 0.0, 0.0, "sgd, rmsprop: the share of the last step that is taken again")
            .up_to(0.9999),
        ParameterDef::boolean("nesterov", false, "sgd: Nesterov's form of momentum, which must be above 0"),
        float(
            "weight_decay",
            0.0,
            0.0,
            "the weight of the squared norm of the weights; adamw takes it off apart from the gradients",
        ),
        float("beta1", 0.0, 0.9, "adam, adamw: the decay of the mean of gradients").up_to(0.999_999),
        float("beta2", 0.0, 0.999, "adam, adamw: the decay of the mean of squared gradients")
            .up_to(0.999_999),
        float("alpha", 0.0, 0.99, "rmsprop: the decay of the mean of squared gradients").up_to(0.999_999),
        ParameterDef::positive(
            "eps",
            1e-8,
            "adam, adamw, rmsprop: what is added to the root, against division by 0",
        ),
        ParameterDef::choice(
            "schedule",
            &["none", "step", "cosine"],
            "none",
            "how the learning rate falls from epoch to epoch",
        ),
        ParameterDef::int_from("step_epochs", 1, 30, "schedule `step`: the epochs between two falls"),
        ParameterDef::positive("gamma", 0.1, "schedule `step`: the factor of a fall").up_to(1.0),
        none(ParameterDef::positive(
            "clip_norm",
            1.0,
            "the largest Euclidean norm of all gradients together",
        )),
        ParameterDef::int_from("batch_size", 1, 64, "the rows of an optimiser step"),
        ParameterDef::int_from("epochs", 1, 1, "the passes over the training rows"),
        none(ParameterDef::int_from(
            "steps",
            1,
            1,
            "the most optimiser steps, where that is less than the epochs have",
        )),
        none(ParameterDef::int_from(
            "patience",
            1,
            1,
            "training ends after so many epochs without a smaller loss on the validation rows",
        )),
        float(
            "validation",
            0.0,
            0.1,
            "the share of training rows that are set apart where there is `patience`",
        )
        .up_to(0.9),
    ]
}

/// The hyperparameters of architectures of images beside those.
pub fn augmentation() -> Vec<ParameterDef> {
    vec![
        ParameterDef::boolean(
            "flip",
            false,
            "each image of a step is mirrored, left to right, with probability ½",
        ),
        ParameterDef::int_from(
            "shift",
            0,
            0,
            "each image of a step is moved by up to so many pixels, up or down and left or right; zeros follow",
        ),
    ]
}

impl Training {
    /// Reads checked hyperparameters.
    ///
    /// # Errors
    /// A phrase: one is missing, or two do not go together.
    pub fn read(of: &Parameters) -> Result<Self, String> {
        let get = |name: &str| of.get(name).ok_or_else(|| format!("`{name}` is missing"));
        let number = |name: &str| get(name)?.as_float().ok_or_else(|| format!("`{name}` is no number"));
        let text = |name: &str| get(name)?.as_text().ok_or_else(|| format!("`{name}` is no text"));
        let counted = |name: &str| {
            let count = get(name)?.as_int().and_then(|v| usize::try_from(v).ok());
            count.ok_or_else(|| format!("`{name}` is no number of things"))
        };
        let is_none = |name: &str| of.get(name) == Some(&Value::Text("none".to_owned()));
        let counted_or_none = |name: &str| if is_none(name) { Ok(None) } else { counted(name).map(Some) };
        let optimizer = match text("optimizer")? {
            "sgd" => {
                let (momentum, nesterov) = (number("momentum")?, get("nesterov")?.as_bool().unwrap_or(false));
                if nesterov && momentum == 0.0 {
                    return Err("`nesterov` needs a `momentum` above 0".to_owned());
                }
                Optimizer::Sgd { momentum, nesterov }
            }
            name @ ("adam" | "adamw") => Optimizer::Adam {
                beta1: number("beta1")?,
                beta2: number("beta2")?,
                eps: number("eps")?,
                decoupled: name == "adamw",
            },
            _ => Optimizer::RmsProp {
                alpha: number("alpha")?,
                eps: number("eps")?,
                momentum: number("momentum")?,
            },
        };
        let schedule = match text("schedule")? {
            "step" => Schedule::Step { epochs: counted("step_epochs")?, gamma: number("gamma")? },
            "cosine" => Schedule::Cosine,
            _ => Schedule::Constant,
        };
        Ok(Self {
            optimizer,
            weight_decay: number("weight_decay")?,
            learning_rate: number("learning_rate")?,
            schedule,
            clip_norm: if is_none("clip_norm") { None } else { Some(number("clip_norm")?) },
            batch_size: counted("batch_size")?,
            epochs: counted("epochs")?,
            steps: counted_or_none("steps")?,
            patience: counted_or_none("patience")?,
            validation: number("validation")?,
            // Only images have these.
            flip: of.get("flip").and_then(Value::as_bool).unwrap_or(false),
            shift: if of.contains_key("shift") { counted("shift")? } else { 0 },
        })
    }

    /// How many of the training rows are set apart for validation: none without patience, at least one with it.
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of the rows"
    )]
    pub fn validation_rows(&self, rows: usize) -> usize {
        match self.patience {
            None => 0,
            Some(_) => {
                ((rows as f64 * self.validation).ceil() as usize).clamp(1, rows.saturating_sub(1).max(1))
            }
        }
    }

    /// The steps of an epoch on so many rows.
    pub fn steps_of_epoch(&self, rows: usize) -> usize {
        rows.div_ceil(self.batch_size)
    }

    /// The most steps on so many rows.
    pub fn most_steps(&self, rows: usize) -> usize {
        let all = self.epochs * self.steps_of_epoch(rows);
        self.steps.map_or(all, |steps| steps.min(all))
    }

    /// The learning rate in an epoch, from 0.
    #[expect(clippy::cast_precision_loss, reason = "numbers of epochs")]
    pub fn rate(&self, epoch: usize) -> f64 {
        let share = match self.schedule {
            Schedule::Constant => 1.0,
            Schedule::Step { epochs, gamma } => gamma.powf((epoch / epochs) as f64),
            Schedule::Cosine => {
                f64::midpoint(1.0, (std::f64::consts::PI * epoch as f64 / self.epochs as f64).cos())
            }
        };
        self.learning_rate * share
    }
}
