//! What the doctor found, for people: the gravest first, with what to do below each.

use super::grid::Grid;
use crate::monitor::doctor::{Diagnosis, Level};
use crate::monitor::system::show_list;

/// The findings as a table.
pub fn text(diagnosis: &Diagnosis) -> String {
    let counts = Level::ALL.map(|level| format!("{} {}", diagnosis.of_level(level).count(), level.word()));
    let mut grid = Grid::new(["", "", ""]);
    for level in Level::ALL {
        for finding in diagnosis.of_level(level) {
            grid.rows.push([level.word(), &finding.name, &finding.finding].map(str::to_owned).to_vec());
            if let Some(advice) = &finding.advice {
                grid.rows.push(vec![String::new(), String::new(), format!("→ {advice}")]);
            }
        }
    }
    let on = match &diagnosis.trial_cpus[..] {
        [] => "trials would not be restricted to CPUs of their own".to_owned(),
        cpus => format!("trials would run on CPU {}", show_list(cpus)),
    };
    let table = grid.text();
    // The columns have no names: the first line is empty.
    let rows = table.split_once('\n').map_or("", |(_, rows)| rows);
    format!("{}; {on}\n\n{rows}", counts.join(", "))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::monitor::doctor::Finding;

    #[test]
    fn the_gravest_comes_first_with_its_advice() {
        let finding = |name: &str, level, advice: Option<&str>| Finding {
            name: name.to_owned(),
            level,
            finding: format!("what {name} is"),
            advice: advice.map(str::to_owned),
        };
        let diagnosis = Diagnosis {
            trial_cpus: vec![2, 3],
            findings: vec![
                finding("swap", Level::Ok, None),
                finding("turbo", Level::Warning, Some("echo 1")),
            ],
            clocks: Vec::new(),
            wake_up_ns: 1,
        };
        let told = text(&diagnosis);
        assert_eq!(
            told,
            "1 warning, 0 notice, 0 unknown, 1 ok; trials would run on CPU 2-3\n\n  warning  turbo  what turbo is\n                  → echo 1\n  ok       swap   what swap is\n"
        );
    }
}
