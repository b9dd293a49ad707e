//! A spec as written: the types that serde fills and from which `schemas/spec.schema.json` is generated.
//!
//! Texts that name things (data sets, algorithms, implementations) stay texts here; [`super::check`] resolves them.

use std::collections::BTreeMap;

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;

use crate::data::{catalogue, language};
use crate::task::{TASKS, Tolerances};

/// An experiment matrix: a run protocol and one or more experiments.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawSpec {
    /// The spec's name: letters, digits, `-` and `_`. Runs land in `results/<name>/`.
    pub name: String,
    /// What the spec is for.
    #[serde(default)]
    pub doc: Option<String>,
    /// How every trial is run.
    #[serde(default)]
    pub protocol: RawProtocol,
    /// The experiments.
    #[schemars(length(min = 1))]
    pub experiment: Vec<RawExperiment>,
}

/// How every trial is run.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawProtocol {
    /// The number of blocks: repetitions of every case, each in fresh processes. A whole number, or a table by which each case's
    /// number is chosen from a pilot; 10 if not given.
    pub blocks: RawBlocks,
    /// The longest time the run may be expected to take, for example "10min". The largest number of blocks is lowered until it holds;
    /// a spec that would take longer with the least number is refused before it starts.
    pub budget: Option<String>,
    /// Threads that a trial may use.
    #[schemars(range(min = 1, max = 4096))]
    pub threads: u32,
    /// The seed of everything that is drawn: splits, generated data, order, the trials' own seeds.
    #[schemars(range(min = 0))]
    pub seed: i64,
    /// The longest time one trial may take, for example "2min".
    pub timeout: String,
    /// The memory one trial may use, for example "4GiB".
    pub memory: String,
    /// The time between two readings of what a trial costs, for example "100ms" (at least "10ms"); "off" reads at the phases' ends alone.
    pub sampling: String,
    /// How often a block is begun anew because a worker died or failed before it was ready, with pauses of 1 s, 2 s, 4 s and so on. A worker
    /// that was ready is never repeated.
    #[schemars(range(max = 10))]
    pub retries: u32,
    /// After so many equal failures in a row an implementation is given up for a case, or altogether where it never worked; its further
    /// trials are `skipped`. 0 is never.
    #[schemars(range(max = 1000))]
    pub give_up_after: u32,
    /// The floating-point type of features and computation; the task's first if not given.
    pub dtype: Option<String>,
    /// The device that computes.
    pub device: RawDevice,
    /// How often a warm fit is repeated within a trial.
    pub fit: RawRepeat,
    /// How often predictions are repeated within a trial, and in which batches.
    pub predict: RawPredict,
}

impl Default for RawProtocol {
    fn default() -> Self {
        Self {
            blocks: RawBlocks::Fixed(10),
            budget: None,
            threads: 1,
            seed: 42,
            timeout: "2min".to_owned(),
            memory: "4GiB".to_owned(),
            sampling: "100ms".to_owned(),
            retries: 0,
            give_up_after: 3,
            dtype: None,
            device: RawDevice::default(),
            fit: RawRepeat::default(),
            predict: RawPredict::default(),
        }
    }
}

/// The number of blocks.
#[derive(Debug)]
pub enum RawBlocks {
    /// The same for every case.
    Fixed(u32),
    /// For each case, chosen once from its pilot.
    TwoStage(RawTwoStage),
}

impl<'de> Deserialize<'de> for RawBlocks {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match toml::Value::deserialize(deserializer)? {
            toml::Value::Integer(blocks) => u32::try_from(blocks).map(Self::Fixed).map_err(D::Error::custom),
            table => table.try_into().map(Self::TwoStage).map_err(D::Error::custom),
        }
    }
}

impl JsonSchema for RawBlocks {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Blocks".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a number of blocks, or a table by which each case's number is chosen from a pilot",
            "anyOf": [
                {
                    "description": "the number of blocks, or a table such as { min = 10, max = 30, precision = \"3%\" }",
                    "type": "integer",
                    "minimum": 2,
                    "maximum": 10_000
                },
                generator.subschema_for::<RawTwoStage>()
            ]
        })
    }
}

/// How each case's number of blocks is chosen from a pilot, by the pilot's spread and never by its ratios.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawTwoStage {
    /// The least number of blocks, which are the pilot; if not given 10, or the largest number if that is smaller.
    #[schemars(range(min = 2, max = 10_000))]
    pub min: Option<u32>,
    /// The largest number of blocks; if not given three times the least number.
    #[schemars(range(min = 2, max = 10_000))]
    pub max: Option<u32>,
    /// How far the interval of a ratio may reach from it, for example "3%": between "0.1%" and "100%".
    pub precision: String,
}

impl Default for RawTwoStage {
    fn default() -> Self {
        Self { min: None, max: None, precision: "3%".to_owned() }
    }
}

/// Bounds on the repetition of a phase within one trial.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawRepeat {
    /// Calls before the first sample whose times are dropped.
    pub warmup: u32,
    /// The least number of samples; if not given 3, or the largest number if that is smaller.
    #[schemars(range(min = 1))]
    pub min_samples: Option<u32>,
    /// The largest number of samples.
    #[schemars(range(min = 1))]
    pub max_samples: u32,
    /// No sample begins after this time, once the least number is taken.
    pub max_time: String,
    /// Short calls are batched until one sample takes this long.
    pub min_sample: String,
}

impl Default for RawRepeat {
    fn default() -> Self {
        Self {
            warmup: 0,
            min_samples: None,
            max_samples: 20,
            max_time: "200ms".to_owned(),
            min_sample: "1ms".to_owned(),
        }
    }
}

/// Predictions: batch sizes, and bounds on their repetition.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawPredict {
    /// Rows of one call: whole numbers, or "all" for the whole test split. If not given 1, 10, 100 and "all"; 1, 8, 32 and 128 for networks.
    #[schemars(length(min = 1))]
    pub batch_sizes: Option<Vec<RawBatchSize>>,
    /// Calls before the first sample whose times are dropped; if not given 1, or 5 for networks.
    pub warmup: Option<u32>,
    /// The least number of samples; if not given 5, or the largest number if that is smaller.
    #[schemars(range(min = 1))]
    pub min_samples: Option<u32>,
    /// The largest number of samples; if not given 30, or 1000 for networks.
    #[schemars(range(min = 1))]
    pub max_samples: Option<u32>,
    /// No sample begins after this time, once the least number is taken; if not given "50ms", or "500ms" for networks.
    pub max_time: Option<String>,
    /// Short calls are batched until one sample takes this long; if not given "1ms". Calls of networks are timed one by one unless it is given:
    /// percentiles of latency need single calls.
    pub min_sample: Option<String>,
}

/// Rows of one call of `predict`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RawBatchSize {
    /// So many rows.
    Rows(u32),
    /// The whole test split.
    All,
}

impl<'de> Deserialize<'de> for RawBatchSize {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) if text == "all" => Ok(Self::All),
            toml::Value::Integer(rows) => u32::try_from(rows).map(Self::Rows).map_err(D::Error::custom),
            other => Err(D::Error::custom(format!("a batch size is a whole number or \"all\", not {other}"))),
        }
    }
}

impl JsonSchema for RawBatchSize {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "BatchSize".into()
    }
    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "a number of rows, or \"all\" for the whole test split",
            "anyOf": [{ "type": "integer", "minimum": 1, "maximum": u32::MAX }, { "type": "string", "enum": ["all"] }]
        })
    }
}

/// One matrix: data sets × algorithms × hyperparameters × implementations.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawExperiment {
    /// The experiment's name in reports.
    pub name: String,
    /// What solving the problem means; `benchrun list algorithms` shows every task.
    #[schemars(schema_with = "task_schema")]
    pub task: String,
    /// Data sets: names of the catalogue, `{ generator = "linear", rows = 1000, … }`, `{ format = "cifar10", path = "folder" }` (or `url` and `sha256`), or `{ path = "my.csv", target = "price" }`.
    #[schemars(schema_with = "datasets_schema")]
    pub datasets: Vec<toml::Value>,
    /// Every implementation in these languages that offers one of the algorithms.
    #[serde(default)]
    pub languages: Option<Vec<String>>,
    /// The implementations, instead of `languages`; `benchrun list implementations` shows them.
    #[serde(default)]
    pub implementations: Option<Vec<String>>,
    /// The implementation that the others are compared with; the first Python one if not given.
    #[serde(default)]
    pub baseline: Option<String>,
    /// How rows are split.
    #[serde(default)]
    pub split: RawSplit,
    /// How features are scaled, with the statistics of the training rows; to mean 0 and deviation 1 if not given, and tokens of a language model not at all.
    #[serde(default)]
    pub scale: Option<RawScale>,
    /// Networks: a safetensors file with the initial weights under the architecture's own tensor names, in place of drawn ones. The path starts from the spec's folder.
    #[serde(default)]
    pub weights: Option<String>,
    /// Language models: a name of the catalogue (`minilm`), `{ shape = "gpt2", seed = 0 }` for random weights, or `{ path = "folder" }` with `config.json`, `*.safetensors` and `tokenizer.json`.
    #[serde(default)]
    #[schemars(schema_with = "model_schema")]
    pub model: Option<toml::Value>,
    /// Language models: how texts become rows of tokens.
    #[serde(default)]
    pub text: Option<RawText>,
    /// Algorithms with their hyperparameters. A list is swept; a list of tables is a union of grids.
    #[schemars(schema_with = "algorithms_schema")]
    pub algorithms: BTreeMap<String, toml::Value>,
    /// Settings of one implementation only: `[experiment.settings."rust/linfa"]`; a table inside it holds those of one algorithm.
    #[serde(default)]
    #[schemars(schema_with = "settings_schema")]
    pub settings: BTreeMap<String, BTreeMap<String, toml::Value>>,
    /// The quality that a training is to reach on the test rows, for example `{ accuracy = 0.98 }`: the time to get there is the phase `to_target`.
    #[serde(default)]
    #[schemars(schema_with = "target_schema")]
    pub target: BTreeMap<String, f64>,
    /// Tolerances of the parity contract in place of its own. The report shows them.
    #[serde(default)]
    pub tolerance: Tolerances,
    /// Cases that are left out: those that match every key given.
    #[serde(default)]
    pub exclude: Vec<RawExclude>,
    /// Cases beside the matrix.
    #[serde(default)]
    pub include: Vec<RawInclude>,
}

/// How rows are split.
#[derive(Debug)]
pub enum RawSplit {
    /// As the data was published.
    Published,
    /// By lot.
    Drawn(RawDraw),
}

impl Default for RawSplit {
    fn default() -> Self {
        Self::Drawn(RawDraw::default())
    }
}

impl<'de> Deserialize<'de> for RawSplit {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        use serde::de::Error;
        match toml::Value::deserialize(deserializer)? {
            toml::Value::String(text) if text == "published" => Ok(Self::Published),
            table => table.try_into().map(Self::Drawn).map_err(D::Error::custom),
        }
    }
}

impl JsonSchema for RawSplit {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "Split".into()
    }
    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "how rows are split: a table such as { test = 0.2 }, or \"published\" for data that has its own test rows",
            "anyOf": [generator.subschema_for::<RawDraw>(), { "type": "string", "enum": ["published"] }]
        })
    }
}

/// Rows are drawn: one part is held out, or each of several folds in turn.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawDraw {
    /// The share of rows that are held out; 0.2 if neither this nor `folds` is given.
    #[schemars(schema_with = "share_schema")]
    pub test: Option<f64>,
    /// Cross-validation instead: the number of folds. Block 1 is tested on the first fold and trained on all others, block 2 on the second …
    #[schemars(range(min = 2, max = 1000))]
    pub folds: Option<u32>,
    /// Whether both sides hold the classes in the same proportions; if not given, they do wherever the task predicts classes.
    pub stratify: Option<bool>,
}

/// The device that computes.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RawDevice {
    #[default]
    Cpu,
    /// The first device of NVIDIA's that `CUDA_VISIBLE_DEVICES` shows.
    Cuda,
}

/// How features are scaled.
#[derive(Debug, Clone, Copy, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
#[schemars(inline)]
pub enum RawScale {
    Standard,
    MinMax,
    /// Each channel of images as a whole to mean 0 and standard deviation 1.
    Channel,
    None,
}

/// How texts become rows of tokens.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawText {
    /// Tokens of a row.
    #[schemars(range(min = 2, max = 1_000_000))]
    pub length: usize,
    /// The most rows.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub rows: usize,
}

impl Default for RawText {
    fn default() -> Self {
        Self { length: 128, rows: 64 }
    }
}

/// Cases that are left out.
#[derive(Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, default)]
pub struct RawExclude {
    /// The data set, as it is named in reports.
    pub dataset: Option<String>,
    /// The algorithm.
    pub algorithm: Option<String>,
    /// The implementation: only its trials are left out.
    pub implementation: Option<String>,
    /// Hyperparameters and their values.
    #[schemars(schema_with = "values_schema")]
    pub hyperparameters: BTreeMap<String, toml::Value>,
}

/// Cases beside the matrix.
#[derive(Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RawInclude {
    /// The data set, in any form that `datasets` takes.
    #[schemars(schema_with = "dataset_schema")]
    pub dataset: toml::Value,
    /// The algorithm.
    pub algorithm: String,
    /// Its hyperparameters; lists are swept.
    #[serde(default)]
    #[schemars(schema_with = "values_schema")]
    pub hyperparameters: BTreeMap<String, toml::Value>,
}

fn task_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<String> = TASKS.iter().map(|t| t.definition().name).collect();
    json_schema!({ "type": "string", "enum": names })
}

fn share_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "number", "exclusiveMinimum": 0, "exclusiveMaximum": 1 })
}

fn model_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = language::catalogue::ENTRIES.iter().map(|entry| entry.name).collect();
    let shapes: Vec<&str> = language::shapes::SHAPES.iter().map(|shape| shape.name).collect();
    json_schema!({
        "description": "a name of the catalogue, or a table with `shape` and `seed`, or with `path`",
        "anyOf": [
            { "type": "string", "examples": names },
            { "type": "object", "properties": { "shape": { "type": "string", "examples": shapes }, "seed": { "type": "integer", "minimum": 0 }, "path": { "type": "string" } } }
        ]
    })
}

fn dataset_schema(_: &mut SchemaGenerator) -> Schema {
    let names: Vec<&str> = catalogue::names();
    json_schema!({
        "description": "a name of the catalogue, or a table with `generator`, with `format` and `path`, or with `path` and `target`",
        "anyOf": [{ "type": "string", "examples": names }, { "type": "object" }]
    })
}

fn datasets_schema(generator: &mut SchemaGenerator) -> Schema {
    let item = dataset_schema(generator);
    json_schema!({ "type": "array", "minItems": 1, "items": item })
}

fn algorithms_schema(_: &mut SchemaGenerator) -> Schema {
    let mut properties = serde_json::Map::new();
    for algorithm in TASKS.iter().flat_map(|t| t.definition().algorithms) {
        let parameters: serde_json::Map<String, serde_json::Value> = algorithm
            .parameters
            .iter()
            .map(|p| {
                let doc = format!("{}: {} (default {}); a list is swept", p.doc, p.allowed(), p.default);
                (p.name.clone(), serde_json::json!({ "description": doc }))
            })
            .collect();
        let grid = serde_json::json!({ "type": "object", "properties": parameters });
        let doc = match &algorithm.objective {
            Some(objective) => format!("{}: min {objective}", algorithm.doc),
            None => algorithm.doc.clone(),
        };
        properties.insert(
            algorithm.name,
            serde_json::json!({ "description": doc, "anyOf": [grid, { "type": "array", "minItems": 1, "items": grid }] }),
        );
    }
    json_schema!({
        "type": "object",
        "properties": properties,
        // An adapter's own algorithms, `vendor:name`, are known at run time only.
        "additionalProperties": {
            "description": "a table of hyperparameters, or a list of such tables",
            "anyOf": [{ "type": "object" }, { "type": "array", "minItems": 1, "items": { "type": "object" } }]
        }
    })
}

fn target_schema(_: &mut SchemaGenerator) -> Schema {
    let metrics = TASKS.iter().flat_map(|t| t.definition().epoch_metrics);
    let properties: serde_json::Map<String, serde_json::Value> =
        metrics.map(|metric| (metric, serde_json::json!({ "type": "number" }))).collect();
    json_schema!({
        "type": "object",
        "properties": properties,
        "additionalProperties": { "type": "number" },
        "minProperties": 1,
        "maxProperties": 1
    })
}

fn settings_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object", "additionalProperties": { "type": "object" } })
}

fn values_schema(_: &mut SchemaGenerator) -> Schema {
    json_schema!({ "type": "object" })
}
