//! `benchrun schema`: the JSON Schemas, generated from the types.

use schemars::{Schema, schema_for};

use super::{Exit, Failure, print_json};
use crate::spec::problem::unknown;

/// Every schema: its name and how it is generated.
pub const SCHEMAS: &[(&str, fn() -> Schema)] = &[
    ("spec", || schema_for!(crate::spec::raw::RawSpec)),
    ("request", || schema_for!(crate::worker::protocol::Request)),
    ("event", || schema_for!(crate::worker::protocol::Event)),
    ("trial_event", || schema_for!(crate::executor::event::TrialEvent)),
    ("bundle", || schema_for!(crate::data::bundle::Manifest)),
    ("manifest", || schema_for!(crate::store::manifest::Manifest)),
    ("trial_row", || schema_for!(crate::store::rows::TrialRow)),
    ("phase_row", || schema_for!(crate::store::resources::PhaseRow)),
    ("epoch_row", || schema_for!(crate::store::epochs::EpochRow)),
    ("sample_row", || schema_for!(crate::store::rows::SampleRow)),
    ("parity_row", || schema_for!(crate::store::rows::ParityRow)),
    ("block_row", || schema_for!(crate::store::rows::BlockRow)),
    ("doctor", || schema_for!(crate::monitor::doctor::Diagnosis)),
    ("report", || schema_for!(crate::report::Report)),
    ("records", || schema_for!(crate::import::record::Records)),
    ("calibration", || schema_for!(crate::analysis::calibration::Calibration)),
    ("plan", || schema_for!(crate::report::plan::PlanReport)),
    ("datasets", || schema_for!(Vec<crate::report::list::DatasetReport>)),
    ("algorithms", || schema_for!(Vec<crate::task::TaskDef>)),
    ("implementations", || schema_for!(Vec<crate::implementation::Implementation>)),
];

/// Prints a schema.
pub fn schema(name: &str) -> Result<Exit, Failure> {
    let Some((_, generate)) = SCHEMAS.iter().find(|(known, _)| *known == name) else {
        let (message, hint) = unknown("schema", name, SCHEMAS.iter().map(|(known, _)| *known));
        return Err(Failure::usage(message).hint(Some(hint)));
    };
    print_json(&generate())?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::SCHEMAS;

    /// `BENCHRUN_WRITE_SCHEMAS=1 cargo test --release schemas_are` writes them anew.
    #[test]
    fn schemas_are_those_of_the_types() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        for (name, generate) in SCHEMAS {
            let path = folder.join(format!("{name}.schema.json"));
            let generated = serde_json::to_string_pretty(&generate()).unwrap() + "\n";
            if std::env::var_os("BENCHRUN_WRITE_SCHEMAS").is_some() {
                std::fs::write(&path, &generated).unwrap();
            }
            let stored = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(stored == generated, "{} is not what the types say; write it anew", path.display());
        }
    }
}
