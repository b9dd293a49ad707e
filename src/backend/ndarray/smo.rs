//! Sequential minimal optimisation with second order working sets and shrinking: R.-E. Fan, P.-H. Chen, C.-J. Lin (2005), *Working set
//! selection using second order information for training support vector machines*, WSS 2; C.-C. Chang, C.-J. Lin (2011), *LIBSVM*, §5.1.
//!
//! ```text
//! min over beta of  betaᵀ K beta / 2 + linear·beta + tube |beta|₁      lower <= beta <= upper,  the sum of each group is what it was
//! ```
//!
//! The variables are the signed dual coefficients, so that no label occurs: a classifier's are in [0, C] for its one class and in [-C, 0]
//! for the other, a regressor's in [-C, C]. The term of the tube has a kink at 0; a step ends there, and each variable has a slope
//! upwards and one downwards (libsvm has two variables for it). nu-SVC has a group for each class, the others a single one.
//!
//! Shrinking leaves out variables that can gain with no other. Their gradients are computed anew when the rest is optimal, so that the
//! answer is that of all of them.

use std::ops::Range;

use super::kernel_rows::KernelRows;

/// Stands for a curvature that is not positive (libsvm's constant).
const FLAT: f64 = 1e-12;
/// Values that are looked at at once: without a chain from each to the next, vector instructions compare them.
const LANES: usize = 4;
/// Steps between two shrinkings, at most (libsvm's).
const PERIOD: usize = 1000;
/// All variables at once are quicker to walk than a selection, which is worth it below this share of them.
const WORTH: f64 = 0.75;

/// The problem, and where to start from.
pub struct Problem {
    /// The linear term, [n].
    pub linear: Vec<f64>,
    /// Half the width of a regressor's tube, else 0.
    pub tube: f64,
    /// Bounds, [n]; 0 is within them.
    pub bounds: Vec<(f64, f64)>,
    /// The start, within its bounds, [n].
    pub start: Vec<f64>,
    /// Variables whose sum stays; in order they are all.
    pub groups: Vec<Range<usize>>,
}

/// What it found.
pub struct Solution {
    /// The variables.
    pub beta: Vec<f64>,
    /// What all slopes of a group's free variables are.
    pub slopes: Vec<f64>,
    /// Steps.
    pub steps: usize,
    /// Whether its stopping rule was met before the cap.
    pub converged: bool,
}

/// The variables, and what is kept of those that are active, in their order.
struct State<'p> {
    problem: &'p Problem,
    beta: Vec<f64>,
    active: Vec<usize>,
    /// The groups as ranges of `active`.
    groups: Vec<Range<usize>>,
    /// Of the smooth part.
    gradient: Vec<f64>,
    /// What the tube adds to the slope upwards; infinite where a variable cannot go up.
    up: Vec<f64>,
    /// The same downwards; minus infinity where it cannot go down.
    down: Vec<f64>,
    /// K(x, x).
    diagonal: Vec<f64>,
    /// One row of kernel values of the active variables.
    row: Vec<f64>,
}

impl Problem {
    /// Solves it. It stops when no slope downwards is more than `tolerance` above a slope upwards.
    pub fn solve(&self, rows: &mut KernelRows, tolerance: f64, max_steps: usize) -> Solution {
        let mut state = State::new(self, rows);
        let period = self.linear.len().clamp(1, PERIOD);
        let (mut steps, mut countdown, mut reviewed) = (0, period, false);
        loop {
            if countdown == 0 {
                countdown = period;
                // Near the optimum all variables get one more chance, before those that stay out are final.
                if !reviewed && widest(&state.ends()) <= 10.0 * tolerance {
                    reviewed = true;
                    state.restore(rows);
                }
                state.shrink();
            }
            countdown -= 1;
            let ends = state.ends();
            let optimal = widest(&ends) < tolerance;
            let pair = if optimal || steps == max_steps { None } else { state.pair(rows, &ends, tolerance) };
            if let Some((i, j)) = pair {
                state.step(rows, i, j);
                steps += 1;
            } else if state.whole() {
                // Without a pair rounding leaves nothing to gain.
                let slopes = ends.iter().zip(&state.groups).map(|(e, g)| state.slope(g.clone(), e)).collect();
                return Solution { beta: state.beta, slopes, steps, converged: optimal };
            } else {
                state.restore(rows);
                countdown = 1;
            }
        }
    }

    /// What the tube adds to the slopes of variable `i` upwards and downwards.
    fn ways(&self, i: usize, beta: f64) -> (f64, f64) {
        let (lower, upper) = self.bounds[i];
        let up = if beta >= 0.0 { self.tube } else { -self.tube };
        let down = if beta > 0.0 { self.tube } else { -self.tube };
        (if beta >= upper { f64::INFINITY } else { up }, if beta <= lower { f64::NEG_INFINITY } else { down })
    }

    /// Where a way up of variable `i` ends: at its bound, or at 0, where the slope changes.
    fn end_up(&self, i: usize, beta: f64) -> f64 {
        if beta < 0.0 { self.bounds[i].1.min(0.0) } else { self.bounds[i].1 }
    }

    /// The same downwards.
    fn end_down(&self, i: usize, beta: f64) -> f64 {
        if beta > 0.0 { self.bounds[i].0.max(0.0) } else { self.bounds[i].0 }
    }
}

impl<'p> State<'p> {
    fn new(problem: &'p Problem, rows: &mut KernelRows) -> Self {
        let n = problem.linear.len();
        let mut state = Self {
            problem,
            beta: problem.start.clone(),
            active: Vec::new(),
            groups: Vec::new(),
            gradient: Vec::new(),
            up: Vec::new(),
            down: Vec::new(),
            diagonal: Vec::new(),
            row: vec![0.0; n],
        };
        state.restore(rows);
        state
    }

    fn whole(&self) -> bool {
        self.active.len() == self.beta.len()
    }

    /// Makes every variable active, with a gradient computed anew.
    fn restore(&mut self, rows: &mut KernelRows) {
        let n = self.beta.len();
        if self.active.len() == n {
            return;
        }
        self.active = (0..n).collect();
        self.groups.clone_from(&self.problem.groups);
        self.gradient.clone_from(&self.problem.linear);
        self.diagonal.clone_from(&rows.diagonal);
        for (i, beta) in self.beta.iter().enumerate().filter(|(_, beta)| **beta != 0.0) {
            for (g, k) in self.gradient.iter_mut().zip(rows.row(i)) {
                *g += beta * k;
            }
        }
        let ways = (0..n).map(|i| self.problem.ways(i, self.beta[i]));
        (self.up, self.down) = ways.unzip();
    }

    /// Leaves out the variables whose ways gain with no other's.
    fn shrink(&mut self) {
        let mut keep = Vec::with_capacity(self.active.len());
        let mut groups = Vec::with_capacity(self.groups.len());
        for (group, ends) in self.groups.iter().zip(self.ends()) {
            let first = keep.len();
            keep.extend(group.clone().filter(|t| {
                let slope = self.gradient[*t];
                slope + self.up[*t] <= ends.highest_down || slope + self.down[*t] >= ends.lowest_up
            }));
            groups.push(first..keep.len());
        }
        #[expect(clippy::cast_precision_loss, reason = "numbers of rows")]
        let worth = (keep.len() as f64) < WORTH * self.active.len() as f64;
        if worth {
            for values in [&mut self.gradient, &mut self.up, &mut self.down, &mut self.diagonal] {
                *values = keep.iter().map(|t| values[*t]).collect();
            }
            self.active = keep.iter().map(|t| self.active[*t]).collect();
            self.groups = groups;
        }
    }

    /// The ends of each group's slopes.
    fn ends(&self) -> Vec<Ends> {
        let of = |g: &Range<usize>| {
            let part = |values| -> &[f64] { &Vec::as_slice(values)[g.clone()] };
            Ends::of(g.start, part(&self.gradient), part(&self.up), part(&self.down))
        };
        self.groups.iter().map(of).collect()
    }

    /// The places of the variables to move: one up that leads its group, and the one down with which it gains most.
    fn pair(&mut self, rows: &mut KernelRows, ends: &[Ends], tolerance: f64) -> Option<(usize, usize)> {
        let mut best = None;
        let mut most = 0.0;
        for (group, ends) in self.groups.clone().into_iter().zip(ends) {
            if let Some(i) = ends.lowest
                && ends.highest_down - ends.lowest_up >= tolerance
                && let Some((gain, j)) = self.partner(rows, i, ends.lowest_up, group)
                && gain > most
            {
                most = gain;
                best = Some((i, j));
            }
        }
        best
    }

    /// The place in the group whose way down gains most with the way up of place `i`, and what is gained.
    fn partner(
        &mut self,
        rows: &mut KernelRows,
        i: usize,
        up: f64,
        group: Range<usize>,
    ) -> Option<(f64, usize)> {
        let whole = self.whole();
        let all = rows.row(self.active[i]);
        let row = if whole {
            &all[group.clone()]
        } else {
            for t in group.clone() {
                self.row[t] = all[self.active[t]];
            }
            &self.row[group.clone()]
        };
        let own = self.diagonal[i];
        let value = |gradient: f64, down: f64, row: f64, diagonal: f64| {
            let (gain, curvature) = (gradient + down - up, own + diagonal - 2.0 * row);
            let gain = if gain > 0.0 { gain } else { 0.0 };
            gain * gain / if curvature > FLAT { curvature } else { FLAT }
        };
        let (gradient, rest_gradient) = self.gradient[group.clone()].as_chunks::<LANES>();
        let (down, rest_down) = self.down[group.clone()].as_chunks::<LANES>();
        let (row, rest_row) = row.as_chunks::<LANES>();
        let (diagonal, rest_diagonal) = self.diagonal[group.clone()].as_chunks::<LANES>();
        let (mut highest, mut place) = ([0.0; LANES], [0; LANES]);
        for (block, (((gradient, down), row), diagonal)) in
            gradient.iter().zip(down).zip(row).zip(diagonal).enumerate()
        {
            for lane in 0..LANES {
                let value = value(gradient[lane], down[lane], row[lane], diagonal[lane]);
                let better = value > highest[lane];
                highest[lane] = if better { value } else { highest[lane] };
                place[lane] = if better { block } else { place[lane] };
            }
        }
        let (mut most, mut best) = (0.0, None);
        for lane in 0..LANES {
            if highest[lane] > most {
                (most, best) = (highest[lane], Some(group.start + place[lane] * LANES + lane));
            }
        }
        let first = group.end - rest_gradient.len();
        for (t, gradient) in rest_gradient.iter().enumerate() {
            let value = value(*gradient, rest_down[t], rest_row[t], rest_diagonal[t]);
            if value > most {
                (most, best) = (value, Some(first + t));
            }
        }
        best.map(|j| (most, j))
    }

    /// Moves place `i` up and place `j` down by the same, as far as it pays.
    fn step(&mut self, rows: &mut KernelRows, i: usize, j: usize) {
        let (a, b) = (self.active[i], self.active[j]);
        let whole = self.whole();
        let (row_a, row_b) = rows.pair(a, b);
        let curvature = self.diagonal[i] + self.diagonal[j] - 2.0 * row_a[b];
        let gain = self.gradient[j] + self.down[j] - self.gradient[i] - self.up[i];
        let (before_a, before_b) = (self.beta[a], self.beta[b]);
        let (end_a, end_b) = (self.problem.end_up(a, before_a), self.problem.end_down(b, before_b));
        let (room_a, room_b) = (end_a - before_a, before_b - end_b);
        let length = (gain / curvature.max(FLAT)).min(room_a).min(room_b);
        // The end itself, and no rounding of it: a variable is at its bound or it is not.
        self.beta[a] = if length >= room_a { end_a } else { before_a + length };
        self.beta[b] = if length >= room_b { end_b } else { before_b - length };
        if whole {
            for ((g, a), b) in self.gradient.iter_mut().zip(row_a).zip(row_b) {
                *g += length * (a - b);
            }
        } else {
            for (g, t) in self.gradient.iter_mut().zip(&self.active) {
                *g += length * (row_a[*t] - row_b[*t]);
            }
        }
        for (place, variable) in [(i, a), (j, b)] {
            (self.up[place], self.down[place]) = self.problem.ways(variable, self.beta[variable]);
        }
    }

    /// What the slopes of the group's free variables are, on average; the middle of what is allowed where none is free.
    fn slope(&self, group: Range<usize>, ends: &Ends) -> f64 {
        let free = |t: &usize| {
            self.beta[self.active[*t]] != 0.0 && self.up[*t].is_finite() && self.down[*t].is_finite()
        };
        let slopes = group.filter(free).map(|t| self.gradient[t] + self.up[t]);
        let (sum, count) = slopes.fold((0.0, 0.0), |(sum, count), slope| (sum + slope, count + 1.0));
        if count > 0.0 {
            sum / count
        } else if ends.lowest_up.is_finite() && ends.highest_down.is_finite() {
            f64::midpoint(ends.lowest_up, ends.highest_down)
        } else if ends.lowest_up.is_finite() {
            ends.lowest_up
        } else {
            ends.highest_down
        }
    }
}

/// The ends of a group's slopes.
struct Ends {
    lowest_up: f64,
    /// Its place.
    lowest: Option<usize>,
    highest_down: f64,
}

impl Ends {
    /// Of a group whose first place is `start`.
    fn of(start: usize, gradient: &[f64], up: &[f64], down: &[f64]) -> Self {
        let (gradient, up, down) =
            (gradient.as_chunks::<LANES>(), up.as_chunks::<LANES>(), down.as_chunks::<LANES>());
        let (mut lowest, mut place) = ([f64::INFINITY; LANES], [0; LANES]);
        let mut highest = [f64::NEG_INFINITY; LANES];
        for (block, ((gradient, up), down)) in gradient.0.iter().zip(up.0).zip(down.0).enumerate() {
            for lane in 0..LANES {
                let (up, down) = (gradient[lane] + up[lane], gradient[lane] + down[lane]);
                let better = up < lowest[lane];
                lowest[lane] = if better { up } else { lowest[lane] };
                place[lane] = if better { block } else { place[lane] };
                highest[lane] = if down > highest[lane] { down } else { highest[lane] };
            }
        }
        let mut ends = Self { lowest_up: f64::INFINITY, lowest: None, highest_down: f64::NEG_INFINITY };
        for lane in 0..LANES {
            if lowest[lane] < ends.lowest_up {
                (ends.lowest_up, ends.lowest) = (lowest[lane], Some(start + place[lane] * LANES + lane));
            }
            ends.highest_down = ends.highest_down.max(highest[lane]);
        }
        let first = start + gradient.0.len() * LANES;
        for (t, gradient_t) in gradient.1.iter().enumerate() {
            let slope = gradient_t + up.1[t];
            if slope < ends.lowest_up {
                (ends.lowest_up, ends.lowest) = (slope, Some(first + t));
            }
            ends.highest_down = ends.highest_down.max(gradient_t + down.1[t]);
        }
        ends
    }
}

/// The largest violation of any group.
fn widest(ends: &[Ends]) -> f64 {
    ends.iter().map(|e| e.highest_down - e.lowest_up).fold(f64::NEG_INFINITY, f64::max)
}

#[cfg(test)]
mod tests {
    use ndarray::Array2;
    use rand::{RngExt, SeedableRng};

    use super::*;
    use crate::task::svm::kernel::Kernel;

    /// Rows, and the problems of a classifier, a nu-classifier and a regressor on them.
    fn problems(n: usize) -> (Array2<f64>, Vec<Problem>) {
        let mut random = rand_chacha::ChaCha8Rng::seed_from_u64(11);
        let half = n / 2;
        let sign = |i: usize| if i < half { 1.0 } else { -1.0 };
        // Without a difference of the classes nu-SVC's minimum is 0, and libsvm takes a million steps to it too.
        let x = Array2::from_shape_fn((n, 3), |(i, _)| random.random::<f64>() * 4.0 - 2.0 + 0.8 * sign(i));
        let bounds =
            |cost: f64| (0..n).map(|i| if i < half { (0.0, cost) } else { (-cost, 0.0) }).collect::<Vec<_>>();
        let classifier = Problem {
            linear: (0..n).map(|i| -sign(i)).collect(),
            tube: 0.0,
            bounds: bounds(2.0),
            start: vec![0.0; n],
            groups: std::iter::once(0..n).collect(),
        };
        let nu = Problem {
            linear: vec![0.0; n],
            tube: 0.0,
            bounds: bounds(1.0),
            start: (0..n).map(|i| if i % half < 30 { sign(i) } else { 0.0 }).collect(),
            groups: vec![0..half, half..n],
        };
        let regressor = Problem {
            linear: x.outer_iter().map(|row| -(row[0] + row[1] * row[2])).collect(),
            tube: 0.2,
            bounds: vec![(-3.0, 3.0); n],
            start: vec![0.0; n],
            groups: std::iter::once(0..n).collect(),
        };
        (x, vec![classifier, nu, regressor])
    }

    /// No way up of any variable is cheaper than a way down of another of its group: that is the optimum of a convex problem.
    #[test]
    fn answers_are_optimal_whatever_is_kept_and_left_out() {
        let (x, problems) = problems(240);
        for kernel in [Kernel::Linear, Kernel::Rbf { gamma: 0.5 }] {
            let order: Vec<usize> = (0..240).collect();
            let mut full = KernelRows::new(kernel, x.view(), &order, 100.0);
            for problem in &problems {
                for cache_mib in [100.0, 0.0] {
                    let mut rows = KernelRows::new(kernel, x.view(), &order, cache_mib);
                    let solution = problem.solve(&mut rows, 1e-5, 1_000_000);
                    assert!(solution.converged);
                    let sums =
                        |values: &[f64], group: &Range<usize>| values[group.clone()].iter().sum::<f64>();
                    for (group, slope) in problem.groups.iter().zip(&solution.slopes) {
                        let moved = sums(&solution.beta, group) - sums(&problem.start, group);
                        assert!(moved.abs() < 1e-10, "{moved}");
                        for i in group.clone() {
                            let beta = solution.beta[i];
                            let (lower, upper) = problem.bounds[i];
                            assert!(beta >= lower && beta <= upper);
                            let product: f64 =
                                full.row(i).iter().zip(&solution.beta).map(|(k, b)| k * b).sum();
                            let gradient = product + problem.linear[i];
                            let (up, down) = problem.ways(i, beta);
                            assert!(gradient + up >= slope - 2e-5, "{i}: {gradient} {up} {slope}");
                            assert!(gradient + down <= slope + 2e-5, "{i}: {gradient} {down} {slope}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn a_cap_ends_it_with_an_answer_that_is_not_called_converged() {
        let (x, problems) = problems(100);
        let order: Vec<usize> = (0..100).collect();
        for problem in &problems {
            let mut rows = KernelRows::new(Kernel::Linear, x.view(), &order, 1.0);
            let solution = problem.solve(&mut rows, 1e-9, 3);
            assert_eq!((solution.steps, solution.converged), (3, false));
        }
    }
}
