//! When two trained networks are the same result, block by block; their quality over seeds is compared elsewhere.
//!
//! Kernels that promise equal bits are held to it. Others must take the same first step within rounding, and then stay within what moving
//! the reference's own weights by one unit in the last place of their type does to its losses. `docs/design/networks.md` says why.

use super::architecture::Network;
use super::evidence::{Evidence, shown};
use super::precision::Precision;
use crate::task::{Check, EQUAL_BITS, Side, largest, within};

/// How far two first steps may be apart where kernels differ.
struct FirstStep {
    /// The largest difference of logits, before training and of the step, over their root mean square; of the loss, over the loss.
    logits: f64,
    /// The same of gradients, tensor by tensor.
    gradients: f64,
    /// A gradient below this share of the largest tensor's is rounding: that of a bias before batch normalisation is 0 on paper.
    negligible: f64,
}

/// In single precision MobileNetV2 on images of 28×28, whose last normalisations have one pixel of sixteen rows, has the worst gradients that
/// were seen between candle and PyTorch: 3e-3; all others stay below 3e-6. A gradient that is wrong by a factor shows 0.5 and more.
const SINGLE_STEP: FirstStep = FirstStep { logits: 1e-4, gradients: 1e-2, negligible: 1e-4 };
/// Values have 8 bits, while sums are in single precision: what another order of these changes is rounded away, or a unit of 2⁻⁸ and what follows
/// from it. Seen between one and two threads of libtorch: nothing, but 5e-2 in a gradient of the transformer. bfloat16 itself is up to 2e-2 in logits
/// and 0.1 in gradients from single precision, which may not be more of another kernel's; beside larger tensors' a gradient that cancels is noise.
const BFLOAT16_STEP: FirstStep = FirstStep { logits: 5e-2, gradients: 0.25, negligible: 0.1 };
/// A difference of losses may be so many times what the moved weights show. Another kernel rounds every sum, of up to some thousand terms, and not
/// the weights alone.
const ENVELOPE: f64 = 50.0;
/// The spacing of single-precision numbers around 1: losses are in single precision whatever the network computes in.
const SINGLE: f64 = 1.0 / (1 << 23) as f64;

/// The points of the contract for one pair.
pub fn compare(
    network: &Network,
    precision: Precision,
    (a, b): (Side<'_>, Side<'_>),
    (of_a, of_b): (&Evidence, &Evidence),
) -> Vec<Check> {
    let mut checks = Vec::new();
    let allowed = match precision {
        Precision::Float32 => SINGLE_STEP,
        Precision::Bfloat16 => BFLOAT16_STEP,
    };
    if !network.drops() {
        checks.extend([own(a.name, of_a, &allowed), own(b.name, of_b, &allowed)]);
    }
    let equal = steps_of_equal_bits(of_a, of_b);
    let all = equal == of_a.losses.len() && equal == of_b.losses.len();
    let answers = of_a.initial_logits == of_b.initial_logits
        && of_a.logits == of_b.logits
        && of_a.answers == of_b.answers;
    if all && answers && of_a.next == of_b.next {
        let answers = match of_b.next {
            Some(_) => "log-probabilities and answers of all tokens",
            None => "all logits",
        };
        let finding = format!("losses of {equal} steps and {answers} equal in every bit");
        checks.push(Check::agreement(EQUAL_BITS, finding));
        return checks;
    }
    if let (Some(kernels), true) = (a.kernels, a.kernels == b.kernels) {
        let finding = format!(
            "both compute with {kernels}, whose results are equal in every bit, but {}",
            difference(of_a, of_b, equal)
        );
        checks.push(Check::disagreement("steps", finding));
        return checks;
    }
    checks.extend(first_step(network, &allowed, of_a, of_b));
    checks.push(if network.drops() {
        let finding =
            "the steps are not compared: each side drops other values; quality over seeds is compared";
        Check::agreement("steps", finding.to_owned())
    } else {
        envelope(of_a, of_b)
    });
    checks
}

/// The number of first steps whose losses are equal in every bit.
fn steps_of_equal_bits(a: &Evidence, b: &Evidence) -> usize {
    a.losses.iter().zip(&b.losses).take_while(|(x, y)| x.to_bits() == y.to_bits()).count()
}

fn difference(a: &Evidence, b: &Evidence, equal: usize) -> String {
    match (a.losses.get(equal), b.losses.get(equal)) {
        (Some(x), Some(y)) => format!("the losses of step {} are {x} and {y}", equal + 1),
        (None, None) if a.initial_logits != b.initial_logits => {
            "the logits before training differ".to_owned()
        }
        (None, None) if a.logits == b.logits && a.next == b.next => {
            "the answers after an epoch differ".to_owned()
        }
        (None, None) => "the final answers differ".to_owned(),
        _ => format!("one side has {} steps and the other {}", a.losses.len(), b.losses.len()),
    }
}

/// What a side shows as its first step is what it was timed with.
fn own(name: &str, of: &Evidence, allowed: &FirstStep) -> Check {
    let timed = of.losses.first().copied().unwrap_or(f64::NAN);
    let figure = (timed - of.first.loss).abs() / of.first.loss.abs().max(f64::MIN_POSITIVE);
    let allowed = allowed.logits;
    let agrees = within(figure, allowed);
    let finding = if agrees {
        format!("{name} was timed with the step that it shows")
    } else {
        format!("{name} shows a first step with the loss {}, but was timed with {timed}", of.first.loss)
    };
    let name = format!("timed step of {name}");
    Check { agrees, figure: Some(figure), allowed: Some(allowed), ..Check::disagreement(&name, finding) }
}

fn root_mean_square(values: impl Iterator<Item = f64>) -> f64 {
    let (sum, count) = values.fold((0.0, 0.0), |(sum, count), v| (sum + v * v, count + 1.0));
    if count > 0.0 { f64::sqrt(sum / count) } else { 0.0 }
}

fn first_step(network: &Network, allowed: &FirstStep, a: &Evidence, b: &Evidence) -> Vec<Check> {
    let (x, y) = (&a.first, &b.first);
    if a.initial_logits.dim() != b.initial_logits.dim()
        || x.logits.dim() != y.logits.dim()
        || x.norms.len() != y.norms.len()
        || x.gradients.len() != y.gradients.len()
    {
        let finding = "the two show first steps of other extents".to_owned();
        return vec![Check::disagreement("first step", finding)];
    }
    let scale = root_mean_square(y.logits.iter().copied());
    let logits = largest(x.logits.iter().zip(&y.logits).map(|(p, q)| (p - q).abs())) / scale;
    let loss = (x.loss - y.loss).abs() / y.loss.abs();
    let logits = largest([logits, loss]);
    // How a network answers can be wrong although its steps are right: a normalisation that is left in training mode.
    let size = root_mean_square(b.initial_logits.iter().copied());
    let pairs = a.initial_logits.iter().zip(&b.initial_logits);
    let initial = largest(pairs.map(|(p, q)| (p - q).abs())) / size;
    let gradients = gradients(network, allowed.negligible, a, b);
    let point = |name: &str, figure: f64, allowed: f64, what: &str| {
        let agrees = within(figure, allowed);
        let finding = if agrees {
            format!("{what} within {figure:.0e}")
        } else {
            format!("{what} differ by {figure:.1e} (allowed {allowed:.0e})")
        };
        Check { agrees, figure: Some(figure), allowed: Some(allowed), ..Check::disagreement(name, finding) }
    };
    vec![
        point("initial logits", initial, allowed.logits, "logits before training"),
        point("first logits", logits, allowed.logits, "logits and loss of the first step"),
        point("first gradients", gradients, allowed.gradients, "gradients of the first step"),
    ]
}

/// The largest difference of gradients over all tensors: of the entries that are shown, and of the norms, each over the size that the
/// reference's norm gives an entry.
fn gradients(network: &Network, negligible: f64, a: &Evidence, b: &Evidence) -> f64 {
    let tensors = network.tensors();
    let sizes: Vec<usize> =
        tensors.iter().filter(|t| t.trainable).map(|t| t.shape.iter().product()).collect();
    let entries: usize = sizes.iter().map(|n| shown(*n).count()).sum();
    if sizes.len() != b.first.norms.len() || entries != b.first.gradients.len() {
        return f64::NAN;
    }
    #[expect(clippy::cast_precision_loss, reason = "entries of a tensor")]
    let root = |n: usize| (n as f64).sqrt();
    let entry_sizes = sizes.iter().zip(&b.first.norms).map(|(n, norm)| norm / root(*n));
    let entry_sizes: Vec<f64> = entry_sizes.collect();
    let floor = negligible * largest(entry_sizes.iter().copied());
    let mut begin = 0;
    largest(sizes.iter().enumerate().map(|(i, n)| {
        let size = entry_sizes[i].max(floor);
        let end = begin + shown(*n).count();
        let pairs = a.first.gradients[begin..end].iter().zip(&b.first.gradients[begin..end]);
        begin = end;
        let entries = root_mean_square(pairs.map(|(x, y)| x - y)) / size;
        let norms = (a.first.norms[i] - b.first.norms[i]).abs() / root(*n) / size;
        largest([entries, norms])
    }))
}

/// The first steps stay within the baseline's own envelope.
fn envelope(a: &Evidence, b: &Evidence) -> Check {
    let steps = b.envelope.ncols();
    if steps == 0 || b.envelope.nrows() == 0 || a.losses.len() < steps || b.losses.len() < steps {
        let finding =
            format!("the baseline shows what rounding does to {steps} steps, and that is not enough");
        return Check::disagreement("steps", finding);
    }
    // What rounding did to a step it did to those after it too.
    let mut widest: f64 = 0.0;
    let figure = largest((0..steps).map(|step| {
        let moved = b.envelope.column(step);
        widest = largest(
            moved
                .iter()
                .map(|loss| (loss - b.losses[step]).abs())
                .chain([widest, SINGLE * b.losses[step].abs()]),
        );
        (a.losses[step] - b.losses[step]).abs() / widest
    }));
    let agrees = within(figure, ENVELOPE);
    let finding = if agrees {
        format!(
            "losses of the first {steps} steps within {figure:.1} times what one unit in the last place of the weights does"
        )
    } else {
        format!(
            "losses of the first {steps} steps differ by {figure:.1} times what one unit in the last place of the weights does (allowed {ENVELOPE})"
        )
    };
    Check { agrees, figure: Some(figure), allowed: Some(ENVELOPE), ..Check::disagreement("steps", finding) }
}
