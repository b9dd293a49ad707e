//! A calibration as tables on a terminal.

use std::fmt::Write;

use comfy_table::{Table, presets};

use crate::analysis::calibration::{Calibration, Identical, PhaseCalibration, Rate, Slowed};
use crate::number;

/// The whole report.
pub fn calibration(calibration: &Calibration) -> String {
    let mut text = heading(calibration);
    let mut rest = calibration.phases.as_slice();
    while let Some(first) = rest.first() {
        let own = rest.iter().take_while(|p| p.implementation == first.implementation).count();
        let (phases, others) = rest.split_at(own);
        let _ = writeln!(text, "\n{}", first.implementation.as_deref().unwrap_or("all together"));
        text += &identical(phases);
        text += &slowed(phases);
        rest = others;
    }
    text + &footer(calibration)
}

fn heading(calibration: &Calibration) -> String {
    let at = &calibration.circumstances;
    let load = at.load_average.map_or("unknown".to_owned(), |load| format!("{load:.2}"));
    let blocks = match calibration.blocks {
        Some([fewest, most]) if fewest == most => format!("{fewest} blocks"),
        Some([fewest, most]) => format!("{fewest} to {most} blocks"),
        None => "no complete block".to_owned(),
    };
    format!(
        "{}: implementations compared with themselves, {blocks} each\n{}, {}, {} CPUs, load {load} before the start\n",
        calibration.spec,
        at.machine.host,
        at.machine.cpu_model.as_deref().unwrap_or(&at.machine.architecture),
        at.machine.cpus,
    )
}

/// How often a difference was seen where there is none.
fn identical(phases: &[PhaseCalibration]) -> String {
    let mut table = new_table(&[
        "unchanged",
        "comparisons",
        "interval excludes 1",
        "faster or slower",
        "median ratio",
        "sd of log-ratios",
        "lag-1 correlation",
        "",
    ]);
    for phase in phases {
        let Some(Identical {
            false_positives,
            false_verdicts,
            promise_fails,
            median_ratio,
            median_log_standard_deviation,
            median_autocorrelation,
        }) = &phase.identical
        else {
            continue;
        };
        table.add_row(vec![
            name(phase),
            false_positives.of.to_string(),
            share(false_positives),
            share(false_verdicts),
            format!("{median_ratio:.4}"),
            format!("{median_log_standard_deviation:.4}"),
            median_autocorrelation.map(|r| format!("{r:.2}")).unwrap_or_default(),
            if *promise_fails { "above the promise".to_owned() } else { String::new() },
        ]);
    }
    rendered(&table)
}

/// How often an injected slow-down was found.
fn slowed(phases: &[PhaseCalibration]) -> String {
    let mut table = new_table(&[
        "slowed",
        "by",
        "interval below 1",
        "called slower",
        "called equal",
        "interval holds the truth",
        "median ratio",
        "true ratio",
    ]);
    for (phase, slowed) in phases.iter().flat_map(|p| p.slowed.iter().map(move |s| (p, s))) {
        let Slowed { slowdown, true_ratio, detected, called_slower, called_equal, covered, median_ratio } =
            slowed;
        table.add_row(vec![
            name(phase),
            format!("{} %", number::percent(*slowdown)),
            share(detected),
            share(called_slower),
            share(called_equal),
            share(covered),
            format!("{median_ratio:.4}"),
            format!("{true_ratio:.4}"),
        ]);
    }
    if table.row_count() == 0 { String::new() } else { rendered(&table) }
}

fn footer(calibration: &Calibration) -> String {
    let mut text = format!(
        "\nof intervals at {:.0} %, {} % should exclude 1 where nothing was changed, and {:.0} % should hold the truth. [low, high]: Wilson's 95 % interval of a rate\n\
         each comparison is judged alone, without correction for their number. Phases in (…) get no verdict in runs\n\
         the comparisons of one rate are independent; phases and slow-downs share trials, so their rates are not independent of each other\n",
        (1.0 - calibration.alpha) * 100.0,
        number::percent(calibration.alpha),
        (1.0 - calibration.alpha) * 100.0,
    );
    for (reason, pairs) in &calibration.not_comparable {
        let _ = writeln!(text, "{pairs} pairs not comparable: {reason}");
    }
    if !calibration.finished {
        text += "this calibration is not finished; the same command continues it\n";
    }
    text
}

fn name(phase: &PhaseCalibration) -> String {
    if phase.primary { phase.phase.clone() } else { format!("({})", phase.phase) }
}

/// A rate and its interval, in percent.
fn share(rate: &Rate) -> String {
    let [value, low, high] = [rate.rate, rate.interval[0], rate.interval[1]].map(|r| r * 100.0);
    format!("{value:.1} % [{low:.1}, {high:.1}]")
}

fn new_table(header: &[&str]) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header(header.to_vec());
    for index in 0..header.len() {
        if let Some(column) = table.column_mut(index) {
            column.set_padding((0, 2));
        }
    }
    table
}

fn rendered(table: &Table) -> String {
    table.to_string().lines().map(|line| format!("  {}\n", line.trim_end())).collect()
}
