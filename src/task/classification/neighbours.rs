//! k-nearest neighbours: its definition, and the parity contract.
//!
//! Raw outputs beside the predictions: `probabilities` [test rows, k], the share of the votes of each class that occurs in the training
//! rows, where the framework tells them. The distance is the Euclidean one.
//!
//! The vote has an exact answer but for three kinds of ties, each of which a framework may break as it likes (Cover & Hart 1967 leave them
//! open too):
//!
//! * **The k-th distance**: points as far away as the k-th neighbour fill the last places in any order, so that shares are those of one way
//!   to fill them.
//! * **Votes**: the classes with the most votes are all allowed.
//! * **Coincident points**, where votes are weighted by the inverse distance: points at distance 0 outvote all others. A
//!   framework that computes `|x|² - 2xy + |y|²` may find their distance a little above 0, so any of their classes is allowed.
//!
//! Distances are equal when rounding could make them so: [`ROUNDING`] of `|x|² + |y|²`.
//!
//! So the scorer finds the exact neighbours itself ([`Vote`]), by all distances of a row. It does so for the rows on which the two sides
//! differ, and for [`CHECKED`] rows spread over the test split, so that two sides with one fault are found too.

use std::collections::BTreeSet;

use ndarray::{Array2, ArrayView1};

use super::{Data, needed};
use crate::task::outputs::Outputs;
use crate::task::parameter::{ParameterDef, Parameters, Value};
use crate::task::{AlgorithmDef, Check, Family, Problem, Scores, Side, TaskError};

/// Squared distances may round by this times the number of features plus 8, relative to `|x|² + |y|²`: a sum of d products rounds by
/// d ε at most (Higham 2002, §3.1), and the three sums of the expanded square by twice that.
const ROUNDING: f64 = 4.0 * f64::EPSILON;

/// Shares of votes are sums of at most k numbers over another: they round far below this, and one vote among a thousand is far above.
const SHARES: f64 = 1e-9;

/// How many rows are checked against the exact answer even where both sides agree.
const CHECKED: usize = 200;

/// The family.
#[derive(Debug)]
pub struct Neighbours;

impl Family for Neighbours {
    fn algorithms(&self) -> Vec<AlgorithmDef> {
        let count = ParameterDef::int_from("n_neighbors", 1, 5, "how many of the nearest training rows vote");
        let weights = ParameterDef::choice(
            "weights",
            &["uniform", "distance"],
            "uniform",
            "the weight of a vote: 1, or 1 over the distance",
        );
        vec![AlgorithmDef::new(
            "knn",
            "vote of the nearest training rows by Euclidean distance",
            vec![count, weights],
        )]
    }

    fn score(&self, problem: &Problem<'_>, outputs: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        Answer::read(outputs, &Data::of(problem)?)?;
        Ok(())
    }

    fn compare(
        &self,
        problem: &Problem<'_>,
        contender: Side<'_>,
        baseline: Side<'_>,
    ) -> Result<Vec<Check>, TaskError> {
        judge(&Data::of(problem)?, problem.hyperparameters, (contender, baseline))
    }
}

/// What one side answered.
#[derive(Debug, Clone)]
struct Answer {
    predictions: Vec<i64>,
    shares: Option<Array2<f64>>,
}

impl Answer {
    fn read(outputs: &Outputs, data: &Data) -> Result<Self, TaskError> {
        let shape = (data.test.nrows(), data.occurring.count());
        let shares =
            outputs.has("probabilities").then(|| outputs.matrix("probabilities", shape)).transpose()?;
        Ok(Self { predictions: data.labels(outputs)?, shares })
    }
}

/// How votes are counted.
#[derive(Debug, Clone, Copy)]
struct Rule {
    neighbours: usize,
    by_distance: bool,
}

impl Rule {
    fn of(parameters: &Parameters, rows: usize) -> Result<Self, TaskError> {
        let whole = |value: &Value| value.as_int().and_then(|k| usize::try_from(k).ok());
        let neighbours = needed(parameters, "n_neighbors", whole)?;
        if neighbours > rows {
            let reason = format!("{neighbours} neighbours are asked of {rows} training rows");
            return Err(TaskError::Reference(reason));
        }
        let weights = needed(parameters, "weights", |value| value.as_text().map(str::to_owned))?;
        Ok(Self { neighbours, by_distance: weights == "distance" })
    }
}

/// The exact vote of one row, with the freedom that ties leave.
#[derive(Debug)]
struct Vote {
    counted: Counted,
    /// Whether each class can win.
    may_win: Vec<bool>,
}

/// How the votes of one row come to be shares.
#[derive(Debug)]
enum Counted {
    /// `places` of the points on the border join the votes that are certain.
    Filled {
        /// The certain votes for each class.
        votes: Vec<f64>,
        /// How many points of each class lie on the border.
        border: Vec<usize>,
        places: usize,
        /// The weight of one vote from the border.
        each: f64,
        /// How much a vote may be wrong by rounding.
        room: f64,
    },
    /// Training rows coincide with this one, and their classes share the vote as rounding has it.
    Coincident(Vec<bool>),
}

impl Counted {
    /// Whether some way to fill the places gives these shares.
    #[expect(clippy::cast_precision_loss, reason = "numbers of neighbours")]
    fn gives(&self, shares: ArrayView1<'_, f64>) -> bool {
        match self {
            Self::Filled { votes, border, places, each, room } => {
                let total = votes.iter().sum::<f64>() + *places as f64 * each;
                let mut filled = 0.0;
                for ((share, certain), own) in shares.iter().zip(votes).zip(border) {
                    let joined = (share * total - certain) / each;
                    let whole = joined.round();
                    if !((joined - whole).abs() * each <= *room && (0.0..=*own as f64).contains(&whole)) {
                        return false;
                    }
                    filled += whole;
                }
                // A sum of whole numbers is exact; half a vote is no vote.
                (filled - *places as f64).abs() < 0.5
            }
            // Points at a distance that rounding makes of 0 leave others a vote, though hardly one.
            Self::Coincident(may) => {
                let most = |may: &bool| if *may { 1.0 + SHARES } else { 1e-3 };
                (shares.sum() - 1.0).abs() <= SHARES
                    && shares.iter().zip(may).all(|(share, may)| (-SHARES..=most(may)).contains(share))
            }
        }
    }
}

impl Vote {
    /// Votes on one row, from the squared distances of all training rows.
    #[expect(clippy::cast_precision_loss, reason = "a number of features")]
    fn of(data: &Data, rule: Rule, row: ArrayView1<'_, f64>) -> Self {
        let classes = data.occurring.count();
        let own = row.dot(&row);
        let rounding = ROUNDING * (row.len() + 8) as f64;
        // Squared distance, what it may be wrong by, class.
        let mut points: Vec<(f64, f64, usize)> = data
            .train
            .outer_iter()
            .zip(&data.occurring.of_rows)
            .map(|(point, class)| {
                let squared = point.iter().zip(row).map(|(p, x)| (p - x) * (p - x)).sum::<f64>();
                (squared, rounding * (own + point.dot(&point)), *class)
            })
            .collect();
        points.sort_unstable_by(|a, b| a.0.total_cmp(&b.0));
        let (last, last_error, _) = points[rule.neighbours - 1];
        let tied = |p: &(f64, f64, usize)| (p.0 - last).abs() <= p.1 + last_error;
        let certain: Vec<_> = points.iter().copied().filter(|p| p.0 < last && !tied(p)).collect();
        let mut border = vec![0_usize; classes];
        points.iter().filter(|p| tied(p)).for_each(|p| border[p.2] += 1);
        let places = rule.neighbours - certain.len();

        if rule.by_distance && points.iter().take(rule.neighbours).any(|p| p.0 <= p.1) {
            return Self::coincident(&points, classes);
        }
        let weight = |squared: f64| if rule.by_distance { squared.sqrt().recip() } else { 1.0 };
        let mut votes = vec![0.0; classes];
        // How much each vote may be wrong, where weights come of rounded distances.
        let mut error = 0.0;
        for (squared, wrong, class) in &certain {
            votes[*class] += weight(*squared);
            if rule.by_distance {
                error += weight(*squared) * wrong / squared;
            }
        }
        let each = weight(last);
        if rule.by_distance {
            error += each * places as f64 * (2.0 * last_error / last);
        }
        Self::with_places(votes, border, places, each, error)
    }

    /// Fills the last places from the border in the way that is best for each class.
    #[expect(clippy::cast_precision_loss, reason = "numbers of neighbours")]
    fn with_places(votes: Vec<f64>, border: Vec<usize>, places: usize, each: f64, error: f64) -> Self {
        let total = votes.iter().sum::<f64>() + places as f64 * each;
        let room = error + SHARES * total;
        let may_win = (0..votes.len()).map(|class| {
            let own = places.min(border[class]);
            let reached = votes[class] + own as f64 * each + 2.0 * room;
            // The other places must be filled so that no other class overtakes.
            let mut left = places - own;
            for other in (0..votes.len()).filter(|other| *other != class) {
                if votes[other] > reached {
                    return false;
                }
                #[expect(
                    clippy::cast_possible_truncation,
                    clippy::cast_sign_loss,
                    reason = "not negative, and small"
                )]
                let fits = ((reached - votes[other]) / each).floor().min(1e9) as usize;
                left = left.saturating_sub(fits.min(border[other]));
            }
            left == 0
        });
        let may_win = may_win.collect();
        Self { counted: Counted::Filled { votes, border, places, each, room }, may_win }
    }

    /// The row coincides with training rows, which outvote all others, in shares that rounding decides.
    fn coincident(points: &[(f64, f64, usize)], classes: usize) -> Self {
        let mut may_win = vec![false; classes];
        points.iter().filter(|p| p.0 <= p.1).for_each(|p| may_win[p.2] = true);
        Self { counted: Counted::Coincident(may_win.clone()), may_win }
    }

    /// Whether an answer is one that the vote allows.
    fn allows(&self, class: Option<usize>, shares: Option<ArrayView1<'_, f64>>) -> bool {
        class.is_some_and(|class| self.may_win[class])
            && shares.is_none_or(|shares| self.counted.gives(shares))
    }
}

/// The contract for one pair of sides.
pub(super) fn judge(
    data: &Data,
    parameters: &Parameters,
    (contender, baseline): (Side<'_>, Side<'_>),
) -> Result<Vec<Check>, TaskError> {
    let rule = Rule::of(parameters, data.train.nrows())?;
    let (a, b) = (Answer::read(contender.outputs, data)?, Answer::read(baseline.outputs, data)?);
    Ok(compare(data, rule, (contender.name, &a), (baseline.name, &b)))
}

fn compare(data: &Data, rule: Rule, a: (&str, &Answer), b: (&str, &Answer)) -> Vec<Check> {
    let rows = data.test.nrows();
    let differing: Vec<usize> = (0..rows).filter(|&i| differ(a.1, b.1, i)).collect();
    let spread = (0..rows.min(CHECKED)).map(|i| i * rows / rows.min(CHECKED));
    let examined: BTreeSet<usize> = differing.iter().copied().chain(spread).collect();
    let (mut wrong_a, mut wrong_b) = (Vec::new(), Vec::new());
    for &i in &examined {
        let vote = Vote::of(data, rule, data.test.row(i));
        for (answer, wrong) in [(a.1, &mut wrong_a), (b.1, &mut wrong_b)] {
            let class = data.occurring.position(answer.predictions[i]);
            if !vote.allows(class, answer.shares.as_ref().map(|s| s.row(i))) {
                wrong.push(i);
            }
        }
    }
    let faults: Vec<String> = [(a.0, &wrong_a), (b.0, &wrong_b)]
        .iter()
        .filter_map(|(name, wrong)| {
            let first = wrong.first()?;
            Some(format!(
                "{name} is wrong on {} of {} test rows examined, first on row {first}",
                wrong.len(),
                examined.len()
            ))
        })
        .collect();
    let check = if !faults.is_empty() {
        Check::disagreement("votes", faults.join(", "))
    } else if differing.is_empty() {
        Check::agreement("votes", "labels and votes equal on every test row".to_owned())
    } else {
        let found =
            format!("labels or votes differ on {} of {rows} test rows, all of them ties", differing.len());
        Check::agreement("votes", found)
    };
    vec![Check {
        contender: Some(format!("{} wrong", wrong_a.len())),
        baseline: Some(format!("{} wrong", wrong_b.len())),
        ..check
    }]
}

/// Whether two answers differ on a row, in the label or in shares that both tell.
fn differ(a: &Answer, b: &Answer, row: usize) -> bool {
    let shares = match (&a.shares, &b.shares) {
        (Some(x), Some(y)) => x.row(row).iter().zip(y.row(row)).any(|(x, y)| (x - y).abs() > SHARES),
        _ => false,
    };
    a.predictions[row] != b.predictions[row] || shares
}
