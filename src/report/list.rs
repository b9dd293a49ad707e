//! Lists of what is offered, for people and for scripts.

use std::fmt::Write;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::data::{TargetKind, catalogue, generator, published};
use crate::implementation::Registry;
use crate::task::parameter::ParameterDef;

/// A data set that specs can name.
#[derive(Debug, Clone, Serialize, Deserialize, JsonSchema)]
pub struct DatasetReport {
    /// Its name: in the catalogue, or of the generator or format.
    pub name: String,
    /// `catalogue`, `generator` or `format`.
    pub from: String,
    /// What it is.
    pub doc: String,
    /// Where it was published.
    pub citation: Option<String>,
    /// Under which terms it is handed out.
    pub license: Option<String>,
    /// Rows, where they are fixed.
    pub rows: Option<u64>,
    /// Feature columns, where they are fixed.
    pub columns: Option<u64>,
    /// The kind of its target.
    pub target: TargetKind,
    /// A generator's or format's parameters.
    pub parameters: Vec<ParameterDef>,
}

/// The catalogue, the generators and the published formats.
pub fn datasets() -> Vec<DatasetReport> {
    let catalogued = catalogue::entries().map(|entry| DatasetReport {
        name: entry.name.to_owned(),
        from: "catalogue".to_owned(),
        doc: entry.doc.to_owned(),
        citation: Some(entry.citation.to_owned()),
        license: Some(entry.license.to_owned()),
        rows: Some(entry.rows as u64),
        columns: Some(entry.columns as u64),
        target: entry.target,
        parameters: Vec::new(),
    });
    let generated = generator::GENERATORS.iter().map(|generator| DatasetReport {
        name: generator.name().to_owned(),
        from: "generator".to_owned(),
        doc: generator.doc().to_owned(),
        citation: None,
        license: None,
        rows: None,
        columns: None,
        target: generator.target(),
        parameters: generator.parameters(),
    });
    let formats = published::FORMATS.iter().map(|format| DatasetReport {
        name: format.name().to_owned(),
        from: "format".to_owned(),
        doc: format.doc().to_owned(),
        citation: None,
        license: None,
        rows: None,
        columns: None,
        target: format.form().target,
        parameters: format.parameters(),
    });
    catalogued.chain(generated).chain(formats).collect()
}

/// The catalogue, the generators and the published formats as text.
pub fn datasets_text() -> String {
    let mut text = String::from("Catalogue (datasets = [\"name\"]):\n");
    let all = datasets();
    for dataset in all.iter().filter(|d| d.from == "catalogue") {
        let size = format!("{} × {}", dataset.rows.unwrap_or(0), dataset.columns.unwrap_or(0));
        let _ = writeln!(text, "  {:<20} {size:>12}  {}", dataset.name, dataset.target.word());
        let _ = writeln!(text, "      {}", dataset.doc);
    }
    text += "\nGenerators (datasets = [{ generator = \"name\", rows = 1000 }]):\n";
    for dataset in all.iter().filter(|d| d.from == "generator") {
        let _ = writeln!(text, "  {:<20} {:>12}  {}", dataset.name, "", dataset.target.word());
        let _ = writeln!(text, "      {}", dataset.doc);
        parameters(&mut text, "      ", &dataset.parameters);
    }
    text += "\nPublished formats (datasets = [{ format = \"name\", path = \"folder\" }], or url = \"…\" and sha256 = \"…\" of its archive):\n";
    for dataset in all.iter().filter(|d| d.from == "format") {
        let _ = writeln!(text, "  {:<20} {:>12}  {}", dataset.name, "", dataset.target.word());
        let _ = writeln!(text, "      {}", dataset.doc);
        parameters(&mut text, "      ", &dataset.parameters);
    }
    text += "\nYour own file: datasets = [{ path = \"my.csv\", target = \"column\" }], CSV or Parquet with a header\n";
    text
}

/// Tasks and algorithms as text, with who offers them.
pub fn algorithms_text(registry: &Registry) -> String {
    let mut text = String::new();
    for task in &registry.tasks {
        let _ = writeln!(
            text,
            "{} ({} target): {}",
            task.name,
            task.targets.iter().map(|t| t.word()).collect::<Vec<_>>().join(" or "),
            task.doc
        );
        for algorithm in &task.algorithms {
            let _ = writeln!(text, "\n  {}: {}", algorithm.name, algorithm.doc);
            if let Some(objective) = &algorithm.objective {
                let _ = writeln!(text, "      minimises {objective}");
            }
            parameters(&mut text, "      ", &algorithm.parameters);
            if !algorithm.work.is_empty() {
                let _ = writeln!(text, "      equal work: {}", algorithm.work.join(", "));
            }
            if let Some(rule) = &algorithm.equivalence {
                let phases = rule.quality_phases.join(", ");
                let _ = writeln!(
                    text,
                    "      stochastic: mean {} within ±{} over seeds (decides on {phases})",
                    rule.metric, rule.margin
                );
            }
            let offering =
                registry.implementations.iter().filter(|i| i.offer(&task.name, &algorithm.name).is_some());
            let names: Vec<&str> = offering.map(|i| i.id.as_str()).collect();
            let _ = writeln!(text, "      offered by {}", names.join(", "));
        }
    }
    text
}

/// Implementations as text, with their settings.
pub fn implementations_text(registry: &Registry) -> String {
    let mut text = String::new();
    for implementation in &registry.implementations {
        let _ = writeln!(text, "{}: {}", implementation.id, implementation.doc);
        for offer in &implementation.offers {
            let _ = writeln!(text, "  {} {}: {}", offer.task, offer.algorithm, offer.doc);
            parameters(&mut text, "      ", &offer.settings);
            for cannot in &offer.cannot {
                let values: Vec<String> = cannot.values.iter().map(ToString::to_string).collect();
                let _ = writeln!(
                    text,
                    "      cannot {} = {}: {}",
                    cannot.parameter,
                    values.join(", "),
                    cannot.reason
                );
            }
        }
        text.push('\n');
    }
    text
}

fn parameters(text: &mut String, indent: &str, parameters: &[ParameterDef]) {
    for p in parameters {
        let _ = writeln!(text, "{indent}{} = {}: {} ({})", p.name, p.default, p.doc, p.allowed());
    }
}
