//! The points of the parity contract that all support vector machines share.
//!
//! * **Objective**: each side's relative duality gap is at most [`OBJECTIVE`], for kernel machines times C where C is above 1.
//! * **Own decision values**: an implementation's decision values are those of the parameters it reports.
//! * **Decision values**: those of the two sides differ, row by row, by no more than their two gaps allow (see [`super`]). It is a difference
//!   in scale, shown in standard deviations; a correlation is never asked.
//!
//! Invariances: the intercept where no support vector is free (every value in an interval is optimal), and dual coefficients where rows
//! are linearly dependent in the kernel's space. Neither changes an objective; the bound knows the first, and only sums over the second
//! are compared.

use ndarray::{Array1, Array2, ArrayView1, ArrayView2, Axis};

use super::kernel::Kernel;
use super::machine::{Bound, Certificate, Machine};
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::{Check, Problem, TaskError, Tolerances, largest, within};

/// The default tolerance on the relative duality gap (P - D) / P; for kernel machines with C above 1, times C.
///
/// libsvm keeps kernel values in single precision, so whatever its tolerance, margins are wrong by some 1e-7, and a margin's error
/// costs up to C times as much: at `tol` 1e-7 its answers on real and generated data were 1e-8 to 6e-7 from the optimum at C = 1, 5e-6 at
/// 10, 5e-5 at 100 and 2e-4 at 1000, and tightening `tol` changed nothing. 1e-6 leaves these a margin of 2, while C = 1.01 in place of 1
/// is some 1e-4 away.
pub const OBJECTIVE: f64 = 1e-6;

/// Decision values and parameters come from one model, so they may differ by the rounding of its sums alone: 1e-9 of the deviation of
/// the decision values leaves room for ill-scaled kernels.
const OWN: f64 = 1e-9;

/// What was asked, without the data.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// The algorithm's name.
    pub algorithm: &'a str,
    /// Its hyperparameters.
    pub hyperparameters: &'a Parameters,
    /// Tolerances that the spec sets.
    pub tolerances: &'a Tolerances,
}

impl<'a> From<&Problem<'a>> for Asked<'a> {
    fn from(problem: &Problem<'a>) -> Self {
        let Problem { algorithm, hyperparameters, tolerances, .. } = *problem;
        Self { algorithm, hyperparameters, tolerances }
    }
}

impl Asked<'_> {
    /// A number among the hyperparameters.
    ///
    /// # Errors
    /// There is none of that name: an import may hold any.
    pub fn number(&self, name: &str) -> Result<f64, String> {
        self.hyperparameters.get(name).and_then(Value::as_float).ok_or_else(|| format!("`{name}` is missing"))
    }

    /// The tolerance on the relative duality gap.
    pub fn objective(&self) -> f64 {
        self.tolerances.objective.unwrap_or(OBJECTIVE)
    }
}

/// What one side handed in, with what follows from it. A column is a machine: a pair of classes, or the one of a regression.
#[derive(Debug)]
pub struct Fit {
    /// The machines on their training rows.
    pub machines: Vec<Machine>,
    /// What the parameters of each prove, or why they prove nothing.
    pub certificates: Vec<Result<Certificate, String>>,
    /// Decision values of the test rows as reported, [m, k].
    pub decision: Array2<f64>,
    /// The same from dual coefficients and intercepts.
    pub implied: Array2<f64>,
    /// The number of training rows with a coefficient other than 0 in any machine.
    pub support_vectors: usize,
}

/// The rows on which machines of a kernel are judged.
#[derive(Debug)]
pub struct Rows {
    /// The kernel.
    pub kernel: Kernel,
    /// The training rows, [n, d].
    pub train: Array2<f64>,
    /// The test rows, [m, d].
    pub test: Array2<f64>,
}

impl Fit {
    /// From raw outputs: signed dual coefficients [k, n], intercepts [k], decision values [m, k]. `machine` makes column k of its own
    /// training rows among all, whose dual coefficients, fitted values and K(x, x) it is given; where it says why there is none, that is the
    /// column's certificate.
    pub fn new(
        rows: &Rows,
        dual: ArrayView2<'_, f64>,
        intercept: ArrayView1<'_, f64>,
        decision: Array2<f64>,
        machine: impl Fn(usize, [ArrayView1<'_, f64>; 3]) -> Result<Machine, String>,
    ) -> Self {
        let support: Vec<usize> =
            (0..dual.ncols()).filter(|i| dual.column(*i).iter().any(|v| *v != 0.0)).collect();
        let vectors = rows.train.select(Axis(0), &support);
        let coefficients = dual.select(Axis(1), &support).reversed_axes();
        let sums = |at: &Array2<f64>| rows.kernel.expansion(vectors.view(), coefficients.view(), at.view());
        let (fitted, self_kernel) = (sums(&rows.train), rows.kernel.diagonal(rows.train.view()));
        let (mut machines, mut certificates) = (Vec::new(), Vec::new());
        for k in 0..dual.nrows() {
            let made = machine(k, [dual.row(k), fitted.column(k), self_kernel.view()]);
            certificates.push(made.as_ref().map_err(Clone::clone).and_then(Machine::certificate));
            machines.extend(made);
        }
        let implied = sums(&rows.test) + intercept;
        Self { machines, certificates, decision, implied, support_vectors: support.len() }
    }

    /// The largest relative gap, each over its allowance: `max(1, C)`.
    ///
    /// # Errors
    /// A machine's parameters prove nothing.
    pub fn relative_gap(&self) -> Result<f64, String> {
        let mut figures = Vec::with_capacity(self.machines.len());
        for (k, certificate) in self.certificates.iter().enumerate() {
            figures.push(certificate.clone()?.relative_gap / self.machines[k].cost_allowance());
        }
        Ok(largest(figures))
    }

    /// The dual objectives' sum, in the scale of the reported coefficients.
    ///
    /// # Errors
    /// A machine's parameters prove nothing.
    pub fn dual_objective(&self) -> Result<f64, String> {
        let of = |(machine, certificate): (&Machine, &Result<Certificate, String>)| {
            Ok(certificate.clone()?.dual / machine.margin().powi(2))
        };
        // A machine that could not be made has a certificate that says so.
        self.certificates.iter().find(|c| c.is_err()).map_or(Ok(()), |c| c.clone().map(|_| ()))?;
        self.machines.iter().zip(&self.certificates).map(of).sum()
    }

    /// The largest difference of each test row's decision values from those of another fit that the two gaps allow, [m, k].
    ///
    /// # Errors
    /// A machine's parameters prove nothing.
    pub fn allowed(&self, other: &Self, rows: &Rows) -> Result<Array2<f64>, String> {
        let mut allowed = Array2::zeros(self.decision.dim());
        let self_kernel = rows.kernel.diagonal(rows.test.view());
        for k in 0..self.certificates.len() {
            let (ours, theirs) = (self.certificates[k].clone()?, other.certificates[k].clone()?);
            let bound = Bound::new((&self.machines[k], &ours), (&other.machines[k], &theirs));
            for (i, slot) in allowed.column_mut(k).iter_mut().enumerate() {
                let decision = self.decision[[i, k]].abs().max(other.decision[[i, k]].abs());
                *slot = bound.at(self_kernel[i], decision);
            }
        }
        Ok(allowed)
    }
}

/// What the gaps of linear machines are shares of.
pub const OF_OBJECTIVE: &str = "of the objective";
/// What those of kernel machines are shares of.
pub const OF_OBJECTIVE_AND_C: &str = "of the objective, times C above 1";

/// The point on objectives; gaps and what is allowed are in `unit`.
pub fn objective_check(
    a: &(&str, Result<f64, String>),
    b: &(&str, Result<f64, String>),
    allowed: f64,
    unit: &str,
) -> Check {
    let mut far = Vec::new();
    for (name, gap) in [a, b] {
        match gap {
            Ok(gap) if within(*gap, allowed) => {}
            Ok(gap) => far.push(format!("{name} is {gap:.1e} from the optimum")),
            Err(reason) => far.push(format!("{name} is not certified: {reason}")),
        }
    }
    let shown = |gap: &Result<f64, String>| gap.as_ref().ok().map(|gap| format!("{gap:.2e}"));
    let figure = match (&a.1, &b.1) {
        (Ok(x), Ok(y)) => Some(largest([*x, *y])),
        _ => None,
    };
    Check {
        agrees: far.is_empty(),
        contender: shown(&a.1),
        baseline: shown(&b.1),
        figure,
        allowed: Some(allowed),
        ..Check::disagreement(
            "objective",
            if far.is_empty() {
                format!("both within {:.0e} of the optimum", figure.unwrap_or_default().max(f64::EPSILON))
            } else {
                format!("{} (allowed {allowed:.0e} {unit})", far.join(", "))
            },
        )
    }
}

/// The deviation of each column, 1 where a column is constant.
pub fn deviations(values: &Array2<f64>) -> Array1<f64> {
    if values.nrows() == 0 {
        return Array1::ones(values.ncols());
    }
    values.std_axis(Axis(0), 0.0).mapv(|d| if d > 0.0 { d } else { 1.0 })
}

/// How far reported decision values are from those that the reported parameters imply, in deviations.
pub fn own_difference(decision: &Array2<f64>, implied: &Array2<f64>, deviations: &Array1<f64>) -> f64 {
    let difference = (decision - implied) / deviations;
    largest(difference.iter().map(|d| d.abs()))
}

/// The point on own decision values; `what` names them.
pub fn own_check(what: &str, a: (&str, f64), b: (&str, f64)) -> Check {
    let wrong: Vec<String> = [a, b]
        .iter()
        .filter(|(_, difference)| !within(*difference, OWN))
        .map(|(name, difference)| {
            format!("{name}'s {what} differ by {difference:.1e} of their deviation from those of its own parameters")
        })
        .collect();
    Check {
        agrees: wrong.is_empty(),
        contender: Some(format!("{:.2e}", a.1)),
        baseline: Some(format!("{:.2e}", b.1)),
        figure: Some(largest([a.1, b.1])),
        allowed: Some(OWN),
        ..Check::disagreement(
            &format!("own {what}"),
            if wrong.is_empty() {
                format!("{what} are those of the reported parameters")
            } else {
                format!("{} (allowed {OWN:.0e})", wrong.join(", "))
            },
        )
    }
}

/// Of all rows and columns: the difference that comes nearest to what is allowed there, that allowance, and the largest difference; in deviations.
pub fn worst(
    a: &Array2<f64>,
    b: &Array2<f64>,
    allowed: &Array2<f64>,
    deviations: &Array1<f64>,
) -> (f64, f64, f64) {
    let figures: Vec<(f64, f64)> = a
        .indexed_iter()
        .map(|((i, k), value)| ((value - b[[i, k]]).abs() / deviations[k], allowed[[i, k]] / deviations[k]))
        .collect();
    let (figure, allowed) =
        figures.iter().copied().max_by(|x, y| (x.0 / x.1).total_cmp(&(y.0 / y.1))).unwrap_or((0.0, 0.0));
    (figure, allowed, largest(figures.iter().map(|f| f.0)))
}

/// The point on decision values.
pub fn decisions_check((figure, allowed, largest): (f64, f64, f64)) -> Check {
    let agrees = within(figure, allowed);
    Check {
        agrees,
        figure: Some(figure),
        allowed: Some(allowed),
        ..Check::disagreement(
            "decision values",
            if agrees && largest == 0.0 {
                "decision values equal in every bit".to_owned()
            } else if agrees {
                format!("largest difference of decision values {largest:.0e} of their deviation")
            } else {
                format!("decision values differ by {figure:.1e} of their deviation (allowed {allowed:.1e})")
            },
        )
    }
}

/// A hyperparameter of a kernel machine.
pub fn kernel_parameters() -> Vec<ParameterDef> {
    vec![
        ParameterDef::choice(
            "kernel",
            &["linear", "rbf", "poly"],
            "rbf",
            "x·z, exp(-gamma |x - z|²) or (gamma x·z + coef0)^degree",
        ),
        ParameterDef::positive(
            "gamma",
            1.0,
            "factor in rbf and poly: a number, `scale` (1 / (d var(X))) or `auto` (1 / d)",
        )
        .or(&["scale", "auto"])
        .by_default("scale"),
        ParameterDef::int_from("degree", 1, 3, "power in poly").up_to(32.0),
        ParameterDef::float_from("coef0", 0.0, 0.0, "constant in poly"),
    ]
}

/// The kernel of a problem.
///
/// # Errors
/// The hyperparameters name none: an import may hold any.
pub fn kernel_of(parameters: &Parameters, train: &Array2<f64>) -> Result<Kernel, TaskError> {
    Kernel::of(parameters, train.view())
        .ok_or_else(|| TaskError::Reference("the hyperparameters name no kernel".to_owned()))
}
