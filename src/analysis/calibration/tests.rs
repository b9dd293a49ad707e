use super::*;

fn observation(implementation: &str, phase: &str, slowdown: f64, log_ratios: &[f64]) -> Observation {
    Observation {
        implementation: implementation.to_owned(),
        phase: phase.to_owned(),
        primary: phase == "fit",
        slowdown,
        log_ratios: log_ratios.to_vec(),
    }
}

/// Log-ratios about `centre` whose 95 % interval reaches 2.48 % to both sides: t(3) · s / √4 with s = 0.0135 · √(4/3).
fn about(centre: f64) -> Vec<f64> {
    [-0.01, 0.01, -0.01, 0.01].map(|d| centre + d * 1.35).to_vec()
}

fn calibration(phases: Vec<PhaseCalibration>) -> Calibration {
    Calibration {
        spec: "s-calibration".to_owned(),
        run: "r".to_owned(),
        finished: true,
        circumstances: Circumstances {
            machine: Machine::read(),
            build: "b".to_owned(),
            unix_ms: 0,
            load_average: None,
        },
        alpha: ALPHA,
        margin: MARGIN,
        blocks: None,
        not_comparable: BTreeMap::new(),
        phases,
    }
}

#[test]
fn known_log_ratios_give_known_rates() {
    let mut observations = Vec::new();
    // Of ten A/A comparisons, one interval lies above 1 within the margin, one below 1 and beyond the margin.
    observations.extend((0..8).map(|_| observation("rust/a", "fit", 0.0, &about(0.001))));
    observations.push(observation("rust/a", "fit", 0.0, &[0.021, 0.031, 0.021, 0.031]));
    observations.push(observation("rust/a", "fit", 0.0, &about(-0.06)));
    // Of four slowed by 5 %, three are found, and three hold the truth.
    let truth = -(1.05_f64.ln());
    observations.extend((0..3).map(|_| observation("rust/a", "fit", 0.05, &about(truth))));
    observations.push(observation("rust/a", "fit", 0.05, &about(0.01)));
    let found = phases(&observations);
    assert_eq!(found.len(), 1);
    let identical = found[0].identical.as_ref().unwrap();
    assert_eq!((identical.false_positives.count, identical.false_positives.of), (2, 10));
    assert_eq!(identical.false_verdicts.count, 1, "a difference within the margin is called equal");
    assert!((identical.false_positives.rate - 0.2).abs() < 1e-12);
    // statsmodels: proportion_confint(2, 10, method="wilson").
    let [low, high] = identical.false_positives.interval;
    assert!((low - 0.056_682_153).abs() < 1e-8 && (high - 0.509_837_5).abs() < 1e-6, "{low} {high}");
    assert!(identical.promise_fails, "its lower end is above 5 %");
    assert!((identical.median_ratio - 0.001_f64.exp()).abs() < 1e-12);
    assert!((identical.median_log_standard_deviation - 0.0135 * (4.0_f64 / 3.0).sqrt()).abs() < 1e-12);
    assert!((identical.median_autocorrelation.unwrap() + 0.75).abs() < 1e-9, "it swings from block to block");
    let slowed = &found[0].slowed[0];
    assert_eq!((slowed.detected.count, slowed.covered.count, slowed.detected.of), (3, 3, 4));
    assert_eq!((slowed.called_slower.count, slowed.called_equal.count), (3, 1));
    assert!((slowed.true_ratio - 1.0 / 1.05).abs() < 1e-12);
    assert!((slowed.median_ratio - slowed.true_ratio).abs() < 1e-12);
}

#[test]
fn implementations_and_phases_are_kept_apart_and_put_together() {
    let some = [
        observation("rust/b", "predict@all", 0.0, &about(0.0)),
        observation("rust/b", "fit", 0.0, &about(0.0)),
        observation("rust/a", "fit", 0.0, &about(0.0)),
        observation("rust/a", "start", 0.0, &about(0.0)),
        observation("rust/a", "fit", 0.1, &about(-0.1)),
    ];
    let names: Vec<(Option<String>, String)> =
        phases(&some).into_iter().map(|p| (p.implementation, p.phase)).collect();
    let named = |id: Option<&str>, phase: &str| (id.map(str::to_owned), phase.to_owned());
    let (a, b) = (Some("rust/a"), Some("rust/b"));
    let wanted = [(a, "start"), (a, "fit"), (b, "fit"), (b, "predict@all")]
        .into_iter()
        .chain(["start", "fit", "predict@all"].map(|phase| (None, phase)));
    assert_eq!(names, wanted.map(|(id, phase)| named(id, phase)).collect::<Vec<_>>());
    let all = phases(&some).into_iter().find(|p| p.implementation.is_none() && p.phase == "fit").unwrap();
    assert_eq!((all.identical.unwrap().false_positives.of, all.slowed.len()), (2, 1));
}

#[test]
fn too_little_says_nothing() {
    assert_eq!(phases(&[]), []);
    let single = phases(&[observation("rust/a", "fit", 0.0, &[0.1])]);
    assert_eq!((single[0].identical.clone(), single[0].slowed.len()), (None, 0), "one block has no interval");
    let two = phases(&[observation("rust/a", "fit", 0.0, &[0.1, 0.2])]);
    assert_eq!(two[0].identical.as_ref().unwrap().median_autocorrelation, None);
    let constant = phases(&[observation("rust/a", "fit", 0.0, &[0.0; 5])]);
    let constant = constant[0].identical.as_ref().unwrap();
    assert_eq!((constant.false_positives.count, constant.median_autocorrelation), (0, None));
}

#[test]
fn a_promise_fails_only_where_that_is_shown() {
    let rate = |count: usize, of: usize| {
        let interval = wilson(count, of, 0.05).unwrap();
        let [count_f, of_f] = [count, of].map(|n| f64::from(u32::try_from(n).unwrap()));
        Rate {
            count: count as u64,
            of: of as u64,
            rate: count_f / of_f,
            interval: [interval.low, interval.high],
        }
    };
    assert!(!promise_fails(&rate(10, 200), ALPHA));
    assert!(!promise_fails(&rate(16, 200), ALPHA), "8 % of 200 may still be 5 %");
    assert!(promise_fails(&rate(19, 200), ALPHA));
    assert!(!promise_fails(&rate(1, 10), ALPHA));
    assert!(!promise_fails(&rate(0, 200), ALPHA), "too few false positives break no promise");
}

#[test]
fn verdicts_carry_the_warning_of_what_was_measured() {
    let bad = |id: &str, phase: &str| observation(id, phase, 0.0, &about(0.1));
    let good = |id: &str, phase: &str| observation(id, phase, 0.0, &about(0.0));
    let mixed = phases(
        &(0..20)
            .flat_map(|_| [bad("rust/a", "fit"), good("rust/b", "fit"), good("rust/b", "predict@1")])
            .collect::<Vec<_>>(),
    );
    let several = calibration(mixed);
    let told = several.warning("rust/a", "fit").unwrap();
    assert!(
        told.contains("fit of rust/a compared with itself was shown to differ in 100.0 % of 20"),
        "{told}"
    );
    assert!(told.contains("where 5 % are promised"), "{told}");
    assert_eq!(several.warning("rust/b", "fit"), None);
    let told = several.warning("python/c", "fit").unwrap();
    assert!(told.contains("fit of every implementation"), "{told}");
    assert_eq!(several.warning("rust/a", "predict@10"), None, "what was not measured is not judged");

    let single = calibration(phases(&(0..20).map(|_| bad("rust/a", "fit")).collect::<Vec<_>>()));
    assert!(
        single.warning("python/c", "fit").unwrap().contains("fit of rust/a"),
        "one stands for the machine"
    );
}
