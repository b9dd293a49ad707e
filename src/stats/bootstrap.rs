//! Bootstrap intervals of any statistic: percentile, basic, `BCa` and studentised.
//!
//! Efron & Tibshirani (1993), "An Introduction to the Bootstrap" (chapter 12: studentised, 13: percentile, 14: `BCa`);
//! Davison & Hinkley (1997), "Bootstrap Methods and their Application" (section 5.2: basic; 3.8: hierarchical).
//! A statistic is a function of the sample, such as [`super::describe::median`]; its errors end the bootstrap.

use rand::{RngExt, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::Interval;
use super::describe::{mean_of, quantile_by_selection, quantile_of_sorted, sorted, standard_deviation_of};
use super::distribution::{normal_cdf, normal_quantile};
use super::error::{StatsError, check_above_zero, check_open_unit, check_sample, finite};

/// How many resamples to draw, and from which seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resampling {
    /// The number of resamples, at least 1.
    pub resamples: usize,
    /// The seed of their `ChaCha8` generator: equal seeds give equal results.
    pub seed: u64,
}

impl Resampling {
    pub(super) fn check(self) -> Result<(), StatsError> {
        check_above_zero("the number of resamples", self.resamples as f64)
    }

    pub(super) fn generator(self) -> ChaCha8Rng {
        ChaCha8Rng::seed_from_u64(self.seed)
    }
}

/// Which values each resample takes, by their places. Drawn once, it serves all samples of one size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    size: usize,
    drawn: Vec<usize>,
}

impl Places {
    /// Draws resamples of samples of this size.
    ///
    /// # Errors
    /// If the size is 0 or no resamples are asked for.
    pub fn draw(size: usize, resampling: Resampling) -> Result<Self, StatsError> {
        resampling.check()?;
        check_above_zero("the size of a sample", size as f64)?;
        let mut generator = resampling.generator();
        let drawn = (0..size * resampling.resamples).map(|_| generator.random_range(0..size)).collect();
        Ok(Self { size, drawn })
    }
}

/// A statistic, and its values on resamples of the sample.
#[derive(Debug, Clone, PartialEq)]
pub struct Bootstrap {
    /// The statistic of the sample itself.
    pub estimate: f64,
    /// The statistic of each resample.
    pub replicates: Vec<f64>,
    /// The acceleration of `BCa`, from the jackknife; none where leaving a value out is impossible or changes nothing.
    pub acceleration: Option<f64>,
}

impl Bootstrap {
    /// Resamples the values.
    ///
    /// # Errors
    /// If there are fewer than 2 values or one is not finite, no resamples are asked for, the statistic fails on a
    /// resample, or all resamples give one value.
    pub fn one_sample(
        values: &[f64],
        statistic: impl Fn(&[f64]) -> Result<f64, StatsError>,
        resampling: Resampling,
    ) -> Result<Self, StatsError> {
        check_sample(values, 2)?;
        Self::at_places(values, statistic, &Places::draw(values.len(), resampling)?)
    }

    /// Resamples the values as was drawn before: the same as [`Bootstrap::one_sample`] with the resampling that drew the places.
    ///
    /// # Errors
    /// As [`Bootstrap::one_sample`], and if the places are of samples of another size.
    pub fn at_places(
        values: &[f64],
        statistic: impl Fn(&[f64]) -> Result<f64, StatsError>,
        places: &Places,
    ) -> Result<Self, StatsError> {
        check_sample(values, 2)?;
        if values.len() != places.size {
            return Err(StatsError::UnequalLengths { first: values.len(), second: places.size });
        }
        let without = |left_out: usize| statistic(&[&values[..left_out], &values[left_out + 1..]].concat());
        let jackknife = (0..values.len()).map(without).collect::<Result<Vec<_>, _>>()?;
        let mut picked = Vec::with_capacity(values.len());
        let of = |places: &[usize]| {
            picked.clear();
            picked.extend(places.iter().map(|place| values[*place]));
            statistic(&picked)
        };
        let replicates = places.drawn.chunks_exact(values.len()).map(of).collect();
        Self::of_replicates(statistic(values)?, replicates, &[jackknife])
    }

    /// Resamples pairs of values, which stay together.
    ///
    /// # Errors
    /// As [`Bootstrap::one_sample`], and if the samples differ in length.
    pub fn paired(
        a: &[f64],
        b: &[f64],
        statistic: impl Fn(&[f64], &[f64]) -> Result<f64, StatsError>,
        resampling: Resampling,
    ) -> Result<Self, StatsError> {
        if a.len() != b.len() {
            return Err(StatsError::UnequalLengths { first: a.len(), second: b.len() });
        }
        check_sample(a, 2)?;
        check_sample(b, 2)?;
        let of = |places: &[usize]| statistic(&pick(a, places), &pick(b, places));
        Self::by_place(a.len(), of, resampling)
    }

    /// Resamples groups, and then values within each group drawn: for values that share their group's luck, such as
    /// samples within a process.
    ///
    /// # Errors
    /// As [`Bootstrap::one_sample`], for at least 2 groups of at least 1 value.
    pub fn hierarchical(
        groups: &[impl AsRef<[f64]>],
        statistic: impl Fn(&[Vec<f64>]) -> Result<f64, StatsError>,
        resampling: Resampling,
    ) -> Result<Self, StatsError> {
        let groups = checked(groups, 2)?;
        let draw = |generator: &mut ChaCha8Rng| {
            let drawn: Vec<_> = (0..groups.len())
                .map(|_| resample(&groups[generator.random_range(0..groups.len())], generator))
                .collect();
            statistic(&drawn)
        };
        let without = |left_out: usize| {
            let others = groups.iter().enumerate().filter(|(i, _)| *i != left_out);
            statistic(&others.map(|(_, group)| group.clone()).collect::<Vec<_>>())
        };
        let jackknife = vec![(0..groups.len()).map(without).collect::<Result<Vec<_>, _>>()?];
        Self::new(statistic(&groups)?, draw, &jackknife, resampling)
    }

    /// Resamples values within each group; the groups stay. The interval is about these groups, not about others.
    ///
    /// # Errors
    /// As [`Bootstrap::one_sample`], for at least 1 group of at least 1 value.
    pub fn stratified(
        groups: &[impl AsRef<[f64]>],
        statistic: impl Fn(&[Vec<f64>]) -> Result<f64, StatsError>,
        resampling: Resampling,
    ) -> Result<Self, StatsError> {
        let groups = checked(groups, 1)?;
        let draw = |generator: &mut ChaCha8Rng| {
            let drawn: Vec<_> = groups.iter().map(|group| resample(group, generator)).collect();
            statistic(&drawn)
        };
        let mut jackknife = Vec::with_capacity(groups.len());
        if groups.iter().all(|group| group.len() > 1) {
            for i in 0..groups.len() {
                let without = |left_out: usize| {
                    let mut others = groups.clone();
                    others[i].remove(left_out);
                    statistic(&others)
                };
                jackknife.push((0..groups[i].len()).map(without).collect::<Result<Vec<_>, _>>()?);
            }
        }
        Self::new(statistic(&groups)?, draw, &jackknife, resampling)
    }

    /// A bootstrap of n interchangeable things, by their places.
    fn by_place(
        n: usize,
        statistic: impl Fn(&[usize]) -> Result<f64, StatsError>,
        resampling: Resampling,
    ) -> Result<Self, StatsError> {
        let draw = |generator: &mut ChaCha8Rng| {
            let places: Vec<usize> = (0..n).map(|_| generator.random_range(0..n)).collect();
            statistic(&places)
        };
        let without = |left_out| statistic(&(0..n).filter(|i| *i != left_out).collect::<Vec<_>>());
        let jackknife = vec![(0..n).map(without).collect::<Result<Vec<_>, _>>()?];
        Self::new(statistic(&(0..n).collect::<Vec<_>>())?, draw, &jackknife, resampling)
    }

    fn new(
        estimate: f64,
        draw: impl Fn(&mut ChaCha8Rng) -> Result<f64, StatsError>,
        jackknife: &[Vec<f64>],
        resampling: Resampling,
    ) -> Result<Self, StatsError> {
        resampling.check()?;
        let mut generator = resampling.generator();
        let replicates = (0..resampling.resamples).map(|_| draw(&mut generator)).collect();
        Self::of_replicates(estimate, replicates, jackknife)
    }

    fn of_replicates(
        estimate: f64,
        replicates: Result<Vec<f64>, StatsError>,
        jackknife: &[Vec<f64>],
    ) -> Result<Self, StatsError> {
        let replicates = replicates?;
        for replicate in &replicates {
            finite("the statistic of a resample", *replicate)?;
        }
        if replicates.iter().all(|replicate| *replicate == replicates[0]) {
            return Err(StatsError::NoSpread { statistic: "a bootstrap interval" });
        }
        Ok(Self { estimate, replicates, acceleration: acceleration(jackknife) })
    }

    /// The standard deviation of the replicates.
    ///
    /// # Errors
    /// If it overflows.
    pub fn standard_error(&self) -> Result<f64, StatsError> {
        finite("the standard error", standard_deviation_of(&self.replicates))
    }

    /// The quantiles α/2 and 1 − α/2 of the replicates.
    ///
    /// # Errors
    /// If `alpha` is not between 0 and 1.
    pub fn percentile(&self, alpha: f64) -> Result<Interval, StatsError> {
        check_open_unit("alpha", alpha)?;
        self.between(0.5 * alpha, 1.0 - 0.5 * alpha)
    }

    /// The percentile interval mirrored at the estimate: `[2θ̂ − q_{1 − α/2}, 2θ̂ − q_{α/2}]`.
    ///
    /// # Errors
    /// If `alpha` is not between 0 and 1.
    pub fn basic(&self, alpha: f64) -> Result<Interval, StatsError> {
        let Interval { low, high } = self.percentile(alpha)?;
        interval(2.0 * self.estimate - high, 2.0 * self.estimate - low)
    }

    /// The bias-corrected and accelerated interval (Efron & Tibshirani 1993, equations 14.9 to 14.15). Replicates
    /// equal to the estimate, up to rounding, count half towards the bias, as in `SciPy`.
    ///
    /// # Errors
    /// If `alpha` is not between 0 and 1, there is no acceleration, or the estimate lies outside its own replicates.
    pub fn bca(&self, alpha: f64) -> Result<Interval, StatsError> {
        check_open_unit("alpha", alpha)?;
        let acceleration = self.acceleration.ok_or(StatsError::NoSpread { statistic: "the acceleration" })?;
        // A resample with the same values in another order may give a statistic that rounding made unequal.
        let fold = |of: fn(f64, f64) -> f64| self.replicates.iter().copied().fold(self.estimate, of);
        let rounding = 1e-12 * (fold(f64::max) - fold(f64::min));
        let count = |keep: &dyn Fn(f64) -> bool| self.replicates.iter().filter(|r| keep(**r)).count();
        let below = count(&|replicate| replicate < self.estimate - rounding);
        let not_above = count(&|replicate| replicate <= self.estimate + rounding);
        let z0 = normal_quantile((below + not_above) as f64 / (2 * self.replicates.len()) as f64);
        finite("the bias correction", z0)?;
        let corrected = |z: f64| {
            let shifted = z0 + z;
            normal_cdf(z0 + shifted / (1.0 - acceleration * shifted))
        };
        let z = normal_quantile(0.5 * alpha);
        self.between(corrected(z), corrected(-z))
    }

    fn between(&self, low: f64, high: f64) -> Result<Interval, StatsError> {
        let mut replicates = self.replicates.clone();
        let low = quantile_by_selection(&mut replicates, low);
        interval(low, quantile_by_selection(&mut replicates, high))
    }
}

/// The studentised interval, `[θ̂ − t*_{1 − α/2} σ̂, θ̂ − t*_{α/2} σ̂]` with `t* = (θ̂* − θ̂) / σ̂*`, of a statistic
/// whose standard error σ̂ is known by formula, such as [`standard_error_of_mean`]. Resamples whose standard error is
/// 0 (all of one value) have no t and are drawn again.
///
/// # Errors
/// As [`Bootstrap::one_sample`]; if `alpha` is not between 0 and 1, or the standard error is 0 on the sample or on
/// nearly all resamples.
pub fn studentised(
    values: &[f64],
    statistic: impl Fn(&[f64]) -> Result<f64, StatsError>,
    standard_error: impl Fn(&[f64]) -> Result<f64, StatsError>,
    alpha: f64,
    resampling: Resampling,
) -> Result<Interval, StatsError> {
    check_sample(values, 2)?;
    check_open_unit("alpha", alpha)?;
    resampling.check()?;
    let (estimate, error) = (statistic(values)?, standard_error(values)?);
    let no_spread = StatsError::NoSpread { statistic: "the studentised interval" };
    if error == 0.0 {
        return Err(no_spread);
    }
    let mut generator = resampling.generator();
    let mut t = Vec::with_capacity(resampling.resamples);
    for _ in 0..resampling.resamples.saturating_mul(100) {
        let drawn = resample(values, &mut generator);
        let own_error = standard_error(&drawn)?;
        if own_error > 0.0 {
            t.push(finite("a studentised replicate", (statistic(&drawn)? - estimate) / own_error)?);
        }
        if t.len() == resampling.resamples {
            return studentised_interval(estimate, error, &t, alpha);
        }
    }
    Err(no_spread)
}

fn studentised_interval(estimate: f64, error: f64, t: &[f64], alpha: f64) -> Result<Interval, StatsError> {
    let t = sorted(t);
    let bound = |q| estimate - quantile_of_sorted(&t, q) * error;
    interval(bound(1.0 - 0.5 * alpha), bound(0.5 * alpha))
}

fn interval(low: f64, high: f64) -> Result<Interval, StatsError> {
    Ok(Interval {
        low: finite("the interval's lower end", low)?,
        high: finite("the interval's upper end", high)?,
    })
}

/// `s / √n`, 0 if all values are equal.
///
/// # Errors
/// If there are fewer than 2 values, one is not finite, or the result overflows.
pub fn standard_error_of_mean(values: &[f64]) -> Result<f64, StatsError> {
    check_sample(values, 2)?;
    finite("the standard error", standard_deviation_of(values) / (values.len() as f64).sqrt())
}

/// `Σ U³ / 6 (Σ U²)^{3/2}` over the jackknife's influence values U, each group's weighed by its size (Efron &
/// Tibshirani 1993, equations 14.15, and 15.36 for several groups).
fn acceleration(jackknife: &[Vec<f64>]) -> Option<f64> {
    let (mut cubes, mut squares) = (0.0, 0.0);
    for left_out in jackknife {
        let (n, mean) = (left_out.len() as f64, mean_of(left_out));
        for estimate in left_out {
            let influence = (n - 1.0) * (mean - estimate) / n;
            cubes += influence.powi(3);
            squares += influence.powi(2);
        }
    }
    let acceleration = cubes / (6.0 * f64::powf(squares, 1.5));
    acceleration.is_finite().then_some(acceleration)
}

fn pick(values: &[f64], places: &[usize]) -> Vec<f64> {
    places.iter().map(|i| values[*i]).collect()
}

fn resample(values: &[f64], generator: &mut ChaCha8Rng) -> Vec<f64> {
    (0..values.len()).map(|_| values[generator.random_range(0..values.len())]).collect()
}

/// The groups as owned samples, at least so many, each with at least 1 value, all finite.
fn checked(groups: &[impl AsRef<[f64]>], needed: usize) -> Result<Vec<Vec<f64>>, StatsError> {
    if groups.len() < needed {
        return Err(StatsError::TooFew { needed, got: groups.len() });
    }
    let checked = |group: &[f64]| check_sample(group, 1).map(|()| group.to_vec());
    groups.iter().map(|group| checked(group.as_ref())).collect()
}

#[cfg(test)]
mod tests {
    use super::super::describe::{mean, median, ratio_of_means};
    use super::*;
    use crate::stats::reference::{Case, agrees};

    const RESAMPLING: Resampling = Resampling { resamples: 4000, seed: 3 };
    const SAMPLE: [f64; 9] = [1.0, 2.5, 2.75, 3.0, 4.0, 4.5, 6.0, 8.0, 13.0];

    /// All resamples of n places, each as a list of places.
    fn all_places(n: usize) -> Vec<Vec<usize>> {
        let digits =
            |code: usize| (0..n).scan(code, |rest, _| Some(std::mem::replace(rest, *rest / n) % n)).collect();
        (0..std::iter::repeat_n(n, n).product()).map(digits).collect()
    }

    /// The bootstrap with every possible resample once: what random resamples converge to.
    fn exhaustive(n: usize, statistic: impl Fn(&[usize]) -> f64) -> Bootstrap {
        let replicates: Vec<f64> = all_places(n).iter().map(|places| statistic(places)).collect();
        let all: Vec<usize> = (0..n).collect();
        let without = |i| statistic(&[&all[..i], &all[i + 1..]].concat());
        let acceleration = acceleration(&[(0..n).map(without).collect()]);
        Bootstrap { estimate: statistic(&all), replicates, acceleration }
    }

    #[test]
    fn intervals_equal_scipy() {
        for case in Case::all(include_str!("../../tests/reference/bootstrap.json")) {
            let (a, b) = (case.sample("a"), case.sample("b"));
            let bootstrap = exhaustive(a.len(), |places| match case.text("statistic") {
                "mean" => mean(&pick(&a, places)).unwrap(),
                "median" => median(&pick(&a, places)).unwrap(),
                _ => ratio_of_means(&pick(&a, places), &pick(&b, places)).unwrap(),
            });
            let intervals = [
                ("percentile", bootstrap.percentile(0.1).unwrap()),
                ("basic", bootstrap.basic(0.1).unwrap()),
                ("bca", bootstrap.bca(0.1).unwrap()),
            ];
            for (key, interval) in intervals {
                agrees(&case, &format!("{key}_low"), interval.low, 1e-8);
                agrees(&case, &format!("{key}_high"), interval.high, 1e-8);
            }
            agrees(&case, "standard_error", bootstrap.standard_error().unwrap(), 1e-8);
            if case.text("statistic") == "mean" {
                let t = |places: &Vec<usize>| {
                    let drawn = pick(&a, places);
                    let error = standard_error_of_mean(&drawn).unwrap();
                    (error > 0.0).then(|| (mean_of(&drawn) - bootstrap.estimate) / error)
                };
                let t: Vec<f64> = all_places(a.len()).iter().filter_map(t).collect();
                let error = standard_error_of_mean(&a).unwrap();
                let interval = studentised_interval(bootstrap.estimate, error, &t, 0.1).unwrap();
                agrees(&case, "studentised_low", interval.low, 1e-8);
                agrees(&case, "studentised_high", interval.high, 1e-8);
            }
        }
    }

    #[test]
    fn random_resamples_come_near_all_resamples() {
        let sample = &SAMPLE[..5];
        let all = exhaustive(5, |places| mean_of(&pick(sample, places)));
        let random = Bootstrap::one_sample(sample, mean, RESAMPLING).unwrap();
        assert_eq!(random.estimate, all.estimate);
        assert_eq!(random.acceleration, all.acceleration);
        let (error, all_error) = (random.standard_error().unwrap(), all.standard_error().unwrap());
        assert!((error / all_error - 1.0).abs() < 0.05);
        assert!((mean_of(&random.replicates) - all.estimate).abs() < 4.0 * all_error / 4000f64.sqrt());
        assert!((random.bca(0.1).unwrap().low - all.bca(0.1).unwrap().low).abs() < 0.1);
    }

    #[test]
    fn groups_spread_as_they_should() {
        // The mean of k balanced groups of n: drawing within groups gives the variance Σ σ²/n / k², drawing groups
        // first adds that of the group means, σ_between² / k (all with divisor n, of the population drawn from).
        let groups = [[1.0, 3.0, 5.0], [2.0, 2.5, 6.0], [10.0, 11.0, 12.0], [4.0, 4.0, 7.0]];
        let of_all = |groups: &[Vec<f64>]| mean(&groups.concat());
        let population_variance = |values: &[f64]| {
            let center = mean_of(values);
            mean_of(&values.iter().map(|x| (x - center).powi(2)).collect::<Vec<_>>())
        };
        let within = groups.iter().map(|group| population_variance(group) / 3.0).sum::<f64>() / 16.0;
        let between = population_variance(&groups.map(|group| mean_of(&group))) / 4.0;
        let near = |got: f64, want: f64| {
            assert!((got / want.sqrt() - 1.0).abs() < 0.06, "{got}, not {}", want.sqrt());
        };
        near(Bootstrap::stratified(&groups, of_all, RESAMPLING).unwrap().standard_error().unwrap(), within);
        near(
            Bootstrap::hierarchical(&groups, of_all, RESAMPLING).unwrap().standard_error().unwrap(),
            within + between,
        );
    }

    #[test]
    fn equal_seeds_give_equal_results() {
        let of = |seed| Bootstrap::one_sample(&SAMPLE, median, Resampling { resamples: 50, seed }).unwrap();
        assert_eq!(of(1), of(1));
        assert_ne!(of(1), of(2));
    }

    #[test]
    fn intervals_cover_the_truth() {
        // 300 samples of 20 sums of uniforms, mean 6: nominal 90 %, so 270 ± 5.2; the percentile interval covers less.
        let mut generator = ChaCha8Rng::seed_from_u64(5);
        let mut covered = [0; 4];
        for seed in 0..300 {
            let value = |_| (0..12).map(|_| generator.random::<f64>()).sum::<f64>();
            let sample: Vec<f64> = (0..20).map(value).collect();
            let resampling = Resampling { resamples: 400, seed };
            let bootstrap = Bootstrap::one_sample(&sample, mean, resampling).unwrap();
            let intervals = [
                bootstrap.percentile(0.1).unwrap(),
                bootstrap.basic(0.1).unwrap(),
                bootstrap.bca(0.1).unwrap(),
                studentised(&sample, mean, standard_error_of_mean, 0.1, resampling).unwrap(),
            ];
            for (count, interval) in covered.iter_mut().zip(intervals) {
                *count += u32::from(interval.contains(6.0));
            }
        }
        assert!(covered.iter().all(|count| (248..=286).contains(count)), "{covered:?}");
    }

    #[test]
    fn refuses_what_it_cannot_resample() {
        let of = |values: &[f64]| Bootstrap::one_sample(values, mean, RESAMPLING);
        assert_eq!(of(&[1.0]), Err(StatsError::TooFew { needed: 2, got: 1 }));
        assert!(matches!(of(&[1.0, f64::NAN]), Err(StatsError::NonFinite { .. })));
        assert!(matches!(of(&[2.0; 5]), Err(StatsError::NoSpread { .. })));
        let unequal = Bootstrap::paired(&[1.0, 2.0], &[1.0], ratio_of_means, RESAMPLING);
        assert_eq!(unequal, Err(StatsError::UnequalLengths { first: 2, second: 1 }));
        let zero = Bootstrap::paired(&[1.0, 2.0], &[0.0, 1.0], ratio_of_means, RESAMPLING);
        assert!(matches!(zero, Err(StatsError::Overflow { .. })), "{zero:?}");
        let constant = studentised(&[2.0; 5], mean, standard_error_of_mean, 0.1, RESAMPLING);
        assert!(matches!(constant, Err(StatsError::NoSpread { .. })));
        let single =
            Bootstrap::stratified(&[vec![1.0], vec![2.0, 3.0]], |g| mean(&g.concat()), RESAMPLING).unwrap();
        assert!(single.percentile(0.1).is_ok() && single.bca(0.1).is_err());
        assert!(single.percentile(0.0).is_err() && single.basic(f64::NAN).is_err());
    }
}
