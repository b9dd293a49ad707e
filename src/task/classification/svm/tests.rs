//! Calibration of the contract: the reference against itself is accepted, the native machines against it too, planted faults are refused.

use super::*;
use crate::backend::{Target, Training};
use crate::task::Tolerances;
use crate::task::svm::reference::{self, Case, File, native};

const DEFAULTS: Tolerances = Tolerances { objective: None, predictions: None, quality: None };

fn data(file: &File, case: &Case) -> Data {
    Data::new(file.train(), file.test(), file.labels(case))
}

fn classifiers(file: &File, linear: bool) -> impl Iterator<Item = &Case> {
    file.cases.iter().filter(move |c| c.target != "numbers" && (c.algorithm == "linear_svc") == linear)
}

impl Answer {
    fn of(answer: &reference::Answer) -> Self {
        Self {
            labels: answer.predictions.clone().unwrap(),
            decision: answer.decision(),
            dual: answer.dual(),
            intercept: Array1::from(answer.intercept.clone()),
        }
    }

    fn again(&self) -> Self {
        Self {
            labels: self.labels.clone(),
            decision: self.decision.clone(),
            dual: self.dual.clone(),
            intercept: self.intercept.clone(),
        }
    }
}

impl LinearAnswer {
    fn of(answer: &reference::Answer) -> Self {
        Self {
            labels: answer.predictions.clone().unwrap(),
            decision: answer.decision(),
            coefficients: answer.coefficients(),
            intercept: Array1::from(answer.intercept.clone()),
        }
    }
}

fn asked<'a>(case: &'a Case, tolerances: &'a Tolerances) -> Asked<'a> {
    Asked { algorithm: &case.algorithm, hyperparameters: &case.hyperparameters, tolerances }
}

/// The points on which two answers disagree.
fn disagreements(case: &Case, data: &Data, a: &Answer, b: &Answer) -> Vec<String> {
    let checks = data.compare_kernel(&asked(case, &DEFAULTS), ("a", a), ("b", b)).unwrap();
    // Without a certificate nothing says how far labels may differ, and that point is left out.
    assert!(checks.len() >= 3, "{checks:?}");
    checks.into_iter().filter(|c| !c.agrees).map(|c| c.finding).collect()
}

/// A native answer on some of the training rows, with the case's hyperparameters but for some.
fn answer(
    implementation: &str,
    case: &Case,
    data: &Data,
    file: &File,
    rows: usize,
    change: &[(&str, Value)],
) -> Result<Answer, String> {
    let mut hyperparameters = case.hyperparameters.clone();
    hyperparameters.extend(change.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
    let labels = Array1::from(file.labels(case)[..rows].to_vec());
    let x = data.train.select(ndarray::Axis(0), &(0..rows).collect::<Vec<_>>());
    let training = Training { features: x.view(), target: Target::Classes(labels.view()) };
    let outputs = native(
        implementation,
        "classification",
        (&case.algorithm, &hyperparameters),
        &[("tolerance", Value::Float(1e-9))],
        &training,
        data.test.view(),
    )?;
    let k = pairs::pairs(data.present.len()).len();
    let mut dual = Array2::zeros((k, data.train.nrows()));
    let found = outputs.matrix("dual", (k, rows)).unwrap();
    dual.slice_axis_mut(ndarray::Axis(1), ndarray::Slice::from(..rows)).assign(&found);
    Ok(Answer {
        labels: outputs.labels("predictions", data.test.nrows(), 0..3).unwrap(),
        decision: outputs.matrix("decision", (data.test.nrows(), k)).unwrap(),
        dual,
        intercept: outputs.vector("intercept", k).unwrap(),
    })
}

/// What linfa computes wrongly, and says that it cannot.
fn linfa_cannot(case: &Case) -> bool {
    case.algorithm == "nu_svc" && case.hyperparameters["kernel"] == Value::Text("linear".to_owned())
}

#[test]
fn scikit_learn_agrees_with_itself_on_shuffled_rows() {
    let file = File::read();
    for case in classifiers(&file, false) {
        let found =
            disagreements(case, &data(&file, case), &Answer::of(&case.shuffled), &Answer::of(&case.tight));
        assert!(found.is_empty(), "{found:?} {case:?}");
    }
}

/// A loose answer is no answer at the default tolerance, and is comparable at one of its own.
#[test]
fn a_loose_answer_is_refused_unless_the_spec_allows_it() {
    let file = File::read();
    let wide = Tolerances { objective: Some(1e-2), ..DEFAULTS };
    let mut refused = 0;
    for case in classifiers(&file, false) {
        let (data, a, b) = (data(&file, case), Answer::of(&case.loose), Answer::of(&case.tight));
        refused += usize::from(!disagreements(case, &data, &a, &b).is_empty());
        let checks = data.compare_kernel(&asked(case, &wide), ("a", &a), ("b", &b)).unwrap();
        assert!(checks.iter().all(|c| c.agrees), "{checks:?}");
    }
    assert!(refused >= 12, "{refused} of 20");
}

#[test]
fn native_machines_agree_with_scikit_learn() {
    let file = File::read();
    for case in classifiers(&file, false) {
        let data = data(&file, case);
        for implementation in ["rust/linfa", "rust/ndarray"] {
            if implementation == "rust/linfa" && linfa_cannot(case) {
                continue;
            }
            let ours = answer(implementation, case, &data, &file, 60, &[]).unwrap();
            let found = disagreements(case, &data, &ours, &Answer::of(&case.tight));
            assert!(found.is_empty(), "{implementation}: {found:?} {case:?}");
        }
    }
}

/// linfa divides a nu-SVC's coefficients by rho, but not the hyperplane that it keeps for a linear kernel.
#[test]
fn what_linfa_cannot_is_refused() {
    let file = File::read();
    let cases: Vec<_> = classifiers(&file, false).filter(|c| linfa_cannot(c)).collect();
    assert_eq!(cases.len(), 2);
    for case in cases {
        let data = data(&file, case);
        let ours = answer("rust/linfa", case, &data, &file, 60, &[]).unwrap();
        let found = disagreements(case, &data, &ours, &Answer::of(&case.tight));
        assert!(found.iter().any(|f| f.contains("from those of its own parameters")), "{found:?}");
    }
}

/// The classifier that takes the class with the nearer mean in the kernel's space, in the clothes of a support vector machine.
fn nearest_means(case: &Case, data: &Data) -> Answer {
    let kernel = kernel_of(&case.hyperparameters, &data.train).unwrap();
    let pairs = pairs::pairs(data.present.len());
    let mut dual = Array2::zeros((pairs.len(), data.train.nrows()));
    let rows = |class: usize| (0..data.classes.len()).filter(move |r| data.classes[*r] == class);
    for (k, (i, j)) in pairs.iter().enumerate() {
        for (class, sign) in [(*i, -1.0), (*j, 1.0)] {
            rows(class).for_each(|r| dual[[k, r]] = sign / rows(class).count() as f64);
        }
    }
    let sums = |at: &Array2<f64>| kernel.expansion(data.train.view(), dual.t(), at.view());
    let fitted = sums(&data.train);
    let mean = |class: usize, k: usize| {
        rows(class).map(|r| fitted[[r, k]]).sum::<f64>() / rows(class).count() as f64
    };
    let intercept: Array1<f64> =
        pairs.iter().enumerate().map(|(k, (i, j))| -f64::midpoint(mean(*i, k), mean(*j, k))).collect();
    let decision = sums(&data.test) + &intercept;
    let vote = |row| data.present[pairs::vote(row, &pairs, data.present.len())];
    Answer { labels: decision.outer_iter().map(vote).collect(), decision, dual, intercept }
}

#[test]
fn planted_faults_are_refused() {
    let file = File::read();
    for case in classifiers(&file, false) {
        let (data, truth) = (data(&file, case), Answer::of(&case.tight));
        let fit = |rows, change: &[(&str, Value)]| {
            answer("rust/ndarray", case, &data, &file, rows, change).unwrap()
        };
        let honest = fit(60, &[]);
        let mut faults: Vec<(&str, Answer)> = Vec::new();
        let weight = if case.algorithm == "nu_svc" { "nu" } else { "C" };
        let value = case.hyperparameters[weight].as_float().unwrap();
        // Where every coefficient is at its bound another C changes all of them; else a fault must not be the answer by chance.
        faults.push(("another weight", fit(60, &[(weight, Value::Float(1.2 * value))])));
        faults.push(("a slightly other weight", fit(60, &[(weight, Value::Float(0.98 * value))])));
        let kernel = case.hyperparameters["kernel"].as_text().unwrap();
        if kernel != "linear" {
            let gamma =
                crate::task::svm::kernel::gamma(&case.hyperparameters["gamma"], data.train.view()).unwrap();
            faults.push(("another gamma", fit(60, &[("gamma", Value::Float(1.05 * gamma))])));
        }
        let other = Value::Text(if kernel == "rbf" { "linear" } else { "rbf" }.to_owned());
        faults.push(("another kernel", fit(60, &[("kernel", other)])));
        faults.push(("fewer rows", fit(50, &[])));
        faults.push(("nearest means", nearest_means(case, &data)));
        let mut noisy = honest.again();
        noisy.decision.iter_mut().enumerate().for_each(|(i, d)| *d += 1e-6 * (i as f64).sin());
        faults.push(("noise on decision values", noisy));
        let mut constant = honest.again();
        constant.decision.fill(1.0);
        constant.dual.fill(0.0);
        constant.intercept.fill(1.0);
        constant.labels.fill(*data.present.last().unwrap());
        faults.push(("a constant answer", constant));
        let mut flipped = honest.again();
        flipped.labels.iter_mut().for_each(|l| *l = (*l + 1) % 2);
        faults.push(("flipped labels", flipped));
        let mut swapped = honest.again();
        (swapped.dual, swapped.decision, swapped.intercept) =
            (-swapped.dual, -swapped.decision, -swapped.intercept);
        faults.push(("the other sign", swapped));
        for (fault, answer) in faults {
            let found = disagreements(case, &data, &answer, &truth);
            assert!(!found.is_empty(), "{fault}: {case:?}");
            assert!(!disagreements(case, &data, &truth, &answer).is_empty(), "{fault}, other side: {case:?}");
        }
    }
}

/// A row of a third class may not support a pair's machine.
#[test]
fn a_machine_is_made_of_its_own_rows() {
    let file = File::read();
    let case = classifiers(&file, false).find(|c| c.target == "three").unwrap();
    let (data, mut answer) = (data(&file, case), Answer::of(&case.tight));
    let third = data.classes.iter().position(|c| *c == 2).unwrap();
    answer.dual[[0, third]] = 0.01;
    let found = disagreements(case, &data, &answer, &Answer::of(&case.tight));
    assert!(found[0].contains("supports a machine of two other classes"), "{found:?}");
}

fn own(case: &Case, data: &Data, file: &File, solver: &str, change: &[(&str, f64)]) -> LinearAnswer {
    let mut hyperparameters = case.hyperparameters.clone();
    hyperparameters.extend(change.iter().map(|(name, value)| ((*name).to_owned(), Value::Float(*value))));
    let labels = Array1::from(file.labels(case).to_vec());
    let training = Training { features: data.train.view(), target: Target::Classes(labels.view()) };
    let settings = [
        ("tolerance", Value::Float(1e-9)),
        ("max_iterations", Value::Int(1_000_000)),
        ("solver", Value::Text(solver.to_owned())),
    ];
    let asked = (case.algorithm.as_str(), &hyperparameters);
    let outputs =
        native("rust/ndarray", "classification", asked, &settings, &training, data.test.view()).unwrap();
    let labels = outputs.labels("predictions", data.test.nrows(), 0..3).unwrap();
    LinearAnswer::read(labels, data, &outputs).unwrap()
}

fn linear_disagreements(case: &Case, data: &Data, a: &LinearAnswer, b: &LinearAnswer) -> Vec<String> {
    let checks = data.compare_linear(&asked(case, &DEFAULTS), ("a", a), ("b", b));
    assert_eq!(checks.len(), 4, "{checks:?}");
    checks.into_iter().filter(|c| !c.agrees).map(|c| c.finding).collect()
}

#[test]
fn our_linear_machines_agree_with_liblinear_and_faults_do_not() {
    let file = File::read();
    for case in classifiers(&file, true) {
        let (data, truth) = (data(&file, case), LinearAnswer::of(&case.tight));
        let found = linear_disagreements(case, &data, &LinearAnswer::of(&case.shuffled), &truth);
        assert!(found.is_empty(), "shuffled: {found:?} {case:?}");
        let squared = case.hyperparameters["loss"] == Value::Text("squared_hinge".to_owned());
        for solver in if squared { vec!["auto", "dual", "newton"] } else { vec!["auto"] } {
            let found = linear_disagreements(case, &data, &own(case, &data, &file, solver, &[]), &truth);
            assert!(found.is_empty(), "{solver}: {found:?} {case:?}");
        }
        let cost = case.hyperparameters["C"].as_float().unwrap();
        // A larger C may be no fault: with a hinge, as many rows on the margin as features hold the weights still.
        let other = own(case, &data, &file, "auto", &[("C", 0.5 * cost)]);
        assert!(!linear_disagreements(case, &data, &other, &truth).is_empty(), "another C: {case:?}");
        let mut unpenalised = own(case, &data, &file, "auto", &[]);
        unpenalised.intercept += 0.1;
        unpenalised.decision += 0.1;
        assert!(
            !linear_disagreements(case, &data, &unpenalised, &truth).is_empty(),
            "another intercept: {case:?}"
        );
        let mut noisy = own(case, &data, &file, "auto", &[]);
        noisy.decision[[0, 0]] += 1e-6;
        assert!(!linear_disagreements(case, &data, &noisy, &truth).is_empty(), "noise: {case:?}");
    }
}

/// Labels may differ only where a deciding margin is within the tolerance.
#[test]
fn labels_differ_only_near_the_boundary() {
    let a = ndarray::array![[0.001, -1.0], [0.5, -1.0]];
    let b = ndarray::array![[-0.001, -1.0], [-0.5, -1.0]];
    let allowed = ndarray::array![[0.01, 0.01], [0.01, 0.01]];
    assert!(decisive(a.row(0), b.row(0), allowed.row(0)));
    assert!(!decisive(a.row(1), b.row(1), allowed.row(1)));
    assert!(!decisive(a.row(0), a.row(0), allowed.row(0)), "the same decisions explain no difference");
}

#[test]
fn a_nu_that_is_infeasible_is_an_error() {
    let file = File::read();
    let case = classifiers(&file, false).find(|c| c.algorithm == "nu_svc" && c.target == "three").unwrap();
    let data = data(&file, case);
    for implementation in ["rust/linfa", "rust/ndarray"] {
        let error =
            answer(implementation, case, &data, &file, 60, &[("nu", Value::Float(1.0))]).err().unwrap();
        assert!(error.contains("nu = 1 is infeasible"), "{error}");
    }
}
