use ndarray::{Array1, Array2};

use super::kernel::{Kernel, gamma};
use super::linear::{LinearLoss, Reference};
use super::machine::{Bound, Loss, Machine};
use super::pairs::{largest, pairs, vote};
use super::reference::{Case, File};
use crate::task::parameter::Value;

fn kernel_cases(file: &File) -> impl Iterator<Item = &Case> {
    file.cases.iter().filter(|case| case.algorithm != "linear_svc")
}

fn linear_cases(file: &File) -> impl Iterator<Item = &Case> {
    file.cases.iter().filter(|case| case.algorithm == "linear_svc")
}

#[test]
fn scale_is_scikit_learns() {
    let file = File::read();
    let ours = gamma(&Value::Text("scale".to_owned()), file.train().view()).unwrap();
    assert!((ours - 1.0 / (4.0 * file.variance)).abs() < 1e-14);
}

#[test]
fn dual_coefficients_give_scikit_learns_decisions_and_labels() {
    let file = File::read();
    assert_eq!(kernel_cases(&file).count(), 26);
    for case in kernel_cases(&file) {
        let (train, test) = (file.train(), file.test());
        let kernel = Kernel::of(&case.hyperparameters, train.view()).unwrap();
        let classes = if case.target == "two" { 2 } else { 3 };
        for answer in [&case.loose, &case.tight] {
            let implied = kernel.expansion(train.view(), answer.dual().t(), test.view())
                + &Array1::from(answer.intercept.clone());
            let decision = answer.decision();
            let largest = decision.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            for (ours, theirs) in implied.iter().zip(&decision) {
                assert!((ours - theirs).abs() <= 1e-12 * largest.max(1.0), "{case:?}");
            }
            if let Some(predictions) = &answer.predictions {
                for (row, label) in decision.outer_iter().zip(predictions) {
                    assert_eq!(vote(row, &pairs(classes), classes), usize::try_from(*label).unwrap());
                }
            }
        }
    }
}

/// The sum over the rows is the difference of the two objectives, and shrinks with the solver's tolerance.
#[test]
fn gaps_certify_scikit_learns_answers() {
    let file = File::read();
    for case in kernel_cases(&file) {
        for (answer, allowed) in [(&case.loose, 3e-3), (&case.tight, 1e-6)] {
            for machine in file.machines(case, answer) {
                let certificate = machine.certificate().unwrap();
                assert!(
                    certificate.relative_gap >= 0.0
                        && certificate.relative_gap <= allowed * machine.cost_allowance(),
                    "{certificate:?} {case:?}"
                );
                let norm = machine.dual.dot(&machine.fitted);
                let lower: f64 = match machine.loss {
                    Loss::Hinge { margin, .. } => margin * machine.dual.dot(&machine.target) - norm / 2.0,
                    Loss::Tube { epsilon, .. } => {
                        machine.dual.dot(&machine.target)
                            - epsilon * machine.dual.iter().map(|v| v.abs()).sum::<f64>()
                            - norm / 2.0
                    }
                };
                assert!(
                    (certificate.dual - lower).abs() <= 1e-11 * certificate.primal,
                    "{certificate:?} {lower}"
                );
            }
        }
    }
}

#[test]
fn two_answers_differ_by_no_more_than_their_gaps_allow() {
    let file = File::read();
    let (mut closest, mut cases) = (0.0_f64, 0);
    for case in kernel_cases(&file) {
        let (train, test) = (file.train(), file.test());
        let kernel = Kernel::of(&case.hyperparameters, train.view()).unwrap();
        let self_kernel = kernel.diagonal(test.view());
        let pairs_of = |answer| -> Vec<Machine> { file.machines(case, answer) };
        for (p, (a, b)) in pairs_of(&case.loose).iter().zip(&pairs_of(&case.tight)).enumerate() {
            let bound = Bound::new((a, &a.certificate().unwrap()), (b, &b.certificate().unwrap()));
            for (i, k) in self_kernel.iter().enumerate() {
                let (x, y) = (case.loose.decision()[[i, p]], case.tight.decision()[[i, p]]);
                let allowed = bound.at(*k, x.abs().max(y.abs()));
                assert!((x - y).abs() <= allowed, "{} beyond {allowed}: {case:?}", (x - y).abs());
                closest = closest.max((x - y).abs() / allowed);
                cases += 1;
            }
        }
    }
    assert!(cases > 400);
    assert!(closest > 0.005, "the bound is not empty: {closest}");
}

/// Every answer but the optimum has a gap, and no answer is below the minimum.
#[test]
fn moved_answers_are_found_out() {
    let file = File::read();
    for case in kernel_cases(&file) {
        for machine in file.machines(case, &case.tight) {
            let minimum = machine.certificate().unwrap().primal;
            let mut shifted = machine.clone();
            shifted.intercept += 0.05 * machine.fitted.std(0.0);
            let mut scaled = machine.clone();
            scaled.dual *= 0.95;
            scaled.fitted *= 0.95;
            let cost = machine.dual.iter().fold(0.0, |m: f64, v| m.max(v.abs()));
            // Without a free support vector an interval of intercepts is optimal.
            let free = machine.dual.iter().any(|v| *v != 0.0 && v.abs() < 0.99 * cost);
            for moved in if free { vec![shifted, scaled] } else { vec![scaled] } {
                let certificate = moved.certificate().unwrap();
                assert!(certificate.primal >= minimum * (1.0 - 1e-9));
                assert!(certificate.relative_gap > 1e-5, "{certificate:?} {case:?}");
            }
        }
    }
}

#[test]
fn infeasible_coefficients_prove_nothing() {
    let file = File::read();
    let case = &file.cases[0];
    let machine = file.machines(case, &case.tight).remove(0);
    let Loss::Hinge { cost, .. } = machine.loss else { panic!("a classifier") };
    let mut above = machine.clone();
    let row = above.dual.iter().position(|v| *v != 0.0).unwrap();
    above.dual[row] = above.target[row] * cost * 1.2;
    assert!(above.certificate().unwrap_err().contains("must be in [0, 0.1]"));
    let mut wrong_sign = machine.clone();
    wrong_sign.dual[row] = -wrong_sign.dual[row];
    assert!(wrong_sign.certificate().is_err());
    let mut unbalanced = machine.clone();
    unbalanced.dual[row] *= 0.5;
    assert!(unbalanced.certificate().unwrap_err().contains("must sum to 0"));
    let mut nothing = machine;
    nothing.dual *= 0.0;
    assert!(nothing.of_nu(0.5).is_err());
}

/// Where no support vector is free an interval of intercepts is optimal, and the bound is its width.
#[test]
fn an_intercept_that_is_not_unique_may_differ() {
    // Two points so close that both are at the bound C: the optimal intercepts are [-0.9, 0.9].
    let machine = |intercept| Machine {
        loss: Loss::Hinge { cost: 0.1, margin: 1.0 },
        target: Array1::from(vec![-1.0, 1.0]),
        dual: Array1::from(vec![-0.1, 0.1]),
        fitted: Array1::from(vec![-0.1, 0.1]),
        intercept,
        self_kernel: Array1::from(vec![0.5, 0.5]),
    };
    let (a, b) = (machine(-0.8), machine(0.8));
    let (first, second) = (a.certificate().unwrap(), b.certificate().unwrap());
    assert!(first.gap < 1e-15 && second.gap < 1e-15);
    let bound = Bound::new((&a, &first), (&b, &second));
    assert!((bound.at(0.5, 1.0) - 1.7).abs() < 1e-3);
    let beyond = machine(1.0);
    assert!(beyond.certificate().unwrap().relative_gap > 1e-2);
}

fn linear_reference(file: &File, case: &Case) -> Reference {
    let y: Array1<f64> = file.labels(case).iter().map(|l| if *l == 1 { 1.0 } else { -1.0 }).collect();
    let loss = match case.hyperparameters["loss"].as_text().unwrap() {
        "hinge" => LinearLoss::Hinge,
        _ => LinearLoss::SquaredHinge,
    };
    Reference::solve(
        file.train().view(),
        y.view(),
        loss,
        case.hyperparameters["C"].as_float().unwrap(),
        case.hyperparameters["fit_intercept"].as_bool().unwrap(),
    )
    .unwrap()
}

#[test]
fn the_linear_reference_is_liblinears_optimum() {
    let file = File::read();
    assert_eq!(linear_cases(&file).count(), 8);
    for case in linear_cases(&file) {
        let reference = linear_reference(&file, case);
        let w = case.tight.coefficients().row(0).to_owned();
        let objective = reference.objective(w.view(), case.tight.intercept[0]);
        let gap = reference.excess(objective) / objective;
        assert!((objective - reference.objective).abs() / objective < 1e-8 && gap < 1e-8, "{gap} {case:?}");
        for (j, theirs) in w.iter().enumerate() {
            assert!((reference.weights[j] - theirs).abs() < 1e-4, "{:?} {w}", reference.weights);
        }
    }
}

#[test]
fn loose_linear_answers_stay_within_the_bound() {
    let file = File::read();
    for case in linear_cases(&file) {
        let reference = linear_reference(&file, case);
        let excess = |answer: &super::reference::Answer| {
            let w = answer.coefficients();
            reference.excess(reference.objective(w.row(0), answer.intercept[0]))
        };
        let (a, b) = (excess(&case.loose), excess(&case.tight));
        assert!(a > b, "{a} {b}");
        for (i, x) in file.test().outer_iter().enumerate() {
            let (x0, x1) = (case.loose.decision().row(i)[0], case.tight.decision().row(i)[0]);
            assert!((x0 - x1).abs() <= reference.bound(x, a, b));
            assert_eq!(
                i64::try_from(largest(case.tight.decision().row(i))).unwrap(),
                case.tight.predictions.as_ref().unwrap()[i]
            );
        }
    }
}

/// The interior point method needs no well-scaled data, and finds the optimum where features outnumber rows.
#[test]
fn the_linear_reference_is_certified_on_hard_problems() {
    let mut state = 3_u64;
    let mut random = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 11) as f64 / (1_u64 << 53) as f64 - 0.5
    };
    for (n, d, scale, cost) in
        [(400, 6, 1000.0, 100.0), (400, 6, 1.0, 1e-4), (20, 60, 1.0, 10.0), (300, 3, 0.01, 1.0)]
    {
        let x = Array2::from_shape_fn((n, d), |(_, j)| random() * if j == 0 { scale } else { 1.0 } + 3.0);
        let y: Array1<f64> = x
            .outer_iter()
            .map(|r| if r[0] / scale + r[1] + random() > 3.0 + 3.0 / scale { 1.0 } else { -1.0 })
            .collect();
        for loss in [LinearLoss::Hinge, LinearLoss::SquaredHinge] {
            let reference = Reference::solve(x.view(), y.view(), loss, cost, true).unwrap();
            assert!(
                reference.minimum > 0.0
                    && reference.excess(reference.objective) <= 1e-8 * reference.objective
            );
        }
    }
}
