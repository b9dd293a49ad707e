//! Language models: answer texts with a pretrained model. `docs/design/language-models.md` has the whole of it.
//!
//! Nothing is trained: a bundle names a model's folder ([`crate::data::language`]), both languages load the same weights and read the same tokens.
//! [`Embedding`] asks an encoder for vectors; [`LanguageModel`] asks a decoder what follows a text ([`perplexity`]) and to go on with it
//! ([`generation`]).

mod embedding;
mod generation;
mod perplexity;
mod precision;
pub mod sampler;

use std::collections::BTreeMap;

use super::outputs::Outputs;
use super::parameter::{ParameterDef, Parameters, Value};
use super::{
    AlgorithmDef, Check, Draws, Family, Learner, Problem, Rates, Scores, Side, Task, TaskDef, TaskError,
};
use crate::data::TargetKind;
use crate::data::bundle::{Bundle, TEST_FEATURES, Tensor};
use crate::data::language::Config;
use crate::data::random::{stream, unit};

pub use generation::{Generation, asked};

/// What an encoder is asked to do with rows.
pub const ENCODE: &str = "encode";
/// What a decoder is asked to do with whole rows.
pub const SCORE: &str = "score";
/// What a decoder is asked to do with prompts.
pub const GENERATE: &str = "generate";

/// The tensor of uniform numbers among the draws [new tokens, rows].
pub const UNIFORMS: &str = "uniforms";

/// The work that must be equal on both sides.
const WORK: [&str; 3] = ["weights", "tokens", "produced"];

/// The stream of a block's seed from which uniform numbers are drawn.
const UNIFORM_STREAM: u64 = 9;

/// The phases that get verdicts.
const PRIMARY: [&str; 8] =
    ["encode@1", "encode@8", "score@1", "score@8", "prefill@1", "decode@1", "prefill@4", "decode@4"];

/// The task `embedding`.
#[derive(Debug)]
pub struct Embedding;

/// The task `language_model`.
#[derive(Debug)]
pub struct LanguageModel;

fn definition(name: &str, doc: &str, headline: &[&str], algorithms: Vec<AlgorithmDef>) -> TaskDef {
    TaskDef {
        name: name.to_owned(),
        doc: doc.to_owned(),
        targets: vec![TargetKind::Next, TargetKind::Classes],
        tokens: true,
        supervised: false,
        application: ENCODE.to_owned(),
        learner: Learner::Pretrained,
        dtypes: vec!["float32".to_owned()],
        primary_phases: PRIMARY.map(str::to_owned).to_vec(),
        headline_metrics: headline.iter().map(|name| (*name).to_owned()).collect(),
        lower_is_better: ["log_loss", "perplexity"].map(str::to_owned).to_vec(),
        epoch_metrics: Vec::new(),
        algorithms,
    }
}

impl Task for Embedding {
    fn definition(&self) -> TaskDef {
        let doc = "turn every text into a vector with a pretrained encoder";
        definition("embedding", doc, &["neighbour_accuracy"], embedding::Pooled.algorithms())
    }

    fn family(&self, algorithm: &str) -> Option<&dyn Family> {
        super::family_of(&[&embedding::Pooled], algorithm)
    }

    fn check(&self, problem: &Problem<'_>) -> Result<(), TaskError> {
        let config = config(problem.bundle)?;
        if config.architecture.is_decoder() {
            let name = config.architecture.name();
            return Err(impossible(format!(
                "the model is a {name}, which predicts what follows a text; an embedding needs an encoder"
            )));
        }
        Ok(())
    }

    fn draw(&self, problem: &Problem<'_>, _: u64) -> Result<Option<Draws>, TaskError> {
        Ok(Some(Draws { tensors: Vec::new(), work: told(problem.bundle)? }))
    }

    fn rates(&self, problem: &Problem<'_>, batches: &[(String, u64)]) -> Option<Rates> {
        let length = problem.bundle.columns(TEST_FEATURES).ok()? as u64;
        Some(tokens(problem.bundle, batches.iter().map(|(name, rows)| (name.clone(), rows * length))))
    }

    fn metrics(&self, _: &Problem<'_>, _: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        Ok(())
    }

    fn compare_plainly(&self, _: &Problem<'_>, _: Side<'_>, _: Side<'_>) -> Result<Vec<Check>, TaskError> {
        Ok(unknown())
    }
}

impl Task for LanguageModel {
    fn definition(&self) -> TaskDef {
        let doc = "tell with a pretrained decoder what follows every text: how likely its own tokens are, or go on with it";
        let algorithms = [perplexity::Perplexity.algorithms(), generation::Generated.algorithms()].concat();
        definition("language_model", doc, &["perplexity", "accuracy", "distinct_2"], algorithms)
    }

    fn family(&self, algorithm: &str) -> Option<&dyn Family> {
        super::family_of(&[&perplexity::Perplexity, &generation::Generated], algorithm)
    }

    fn check(&self, problem: &Problem<'_>) -> Result<(), TaskError> {
        let config = config(problem.bundle)?;
        if !config.architecture.is_decoder() {
            let name = config.architecture.name();
            return Err(impossible(format!(
                "the model is a {name}, which predicts no next token; a language model is needed"
            )));
        }
        let length = problem.bundle.columns(TEST_FEATURES)?;
        if let Some(asked) = generation::asked(problem.algorithm, problem.hyperparameters) {
            let (prompt, all) = (asked.prompt, asked.prompt + asked.new);
            if prompt > length {
                return Err(impossible(format!(
                    "`prompt_tokens` is {prompt}, but a row has {length} tokens"
                )));
            }
            if all > config.longest() {
                let longest = config.longest();
                return Err(impossible(format!(
                    "prompt and new tokens are {all}, but the model reads at most {longest}"
                )));
            }
        } else if perplexity::context(problem.hyperparameters) + 1 > length.saturating_sub(1) {
            return Err(impossible(format!("`context` leaves nothing to score of rows of {length} tokens")));
        }
        Ok(())
    }

    fn draw(&self, problem: &Problem<'_>, seed: u64) -> Result<Option<Draws>, TaskError> {
        let rows = problem.bundle.rows(TEST_FEATURES)?;
        let mut tensors = Vec::new();
        if let Some(Generation { new, sampling: Some(_), .. }) =
            generation::asked(problem.algorithm, problem.hyperparameters)
        {
            let mut rng = stream(seed, UNIFORM_STREAM);
            let uniforms: Vec<f64> = (0..new * rows).map(|_| unit(&mut rng)).collect();
            tensors.push((UNIFORMS.to_owned(), Tensor::float64(vec![new, rows], &uniforms)));
        }
        Ok(Some(Draws { tensors, work: told(problem.bundle)? }))
    }

    fn rates(&self, problem: &Problem<'_>, batches: &[(String, u64)]) -> Option<Rates> {
        let length = problem.bundle.columns(TEST_FEATURES).ok()? as u64;
        let asked = generation::asked(problem.algorithm, problem.hyperparameters);
        let of = |(name, rows): &(String, u64)| match (&asked, name.split_once('@')) {
            (Some(asked), Some((_, at))) => {
                vec![(format!("prefill@{at}"), rows * asked.prompt as u64), (format!("decode@{at}"), *rows)]
            }
            _ => vec![(name.clone(), rows * length)],
        };
        Some(tokens(problem.bundle, batches.iter().flat_map(of)))
    }

    fn metrics(&self, _: &Problem<'_>, _: &Outputs, _: &mut Scores) -> Result<(), TaskError> {
        Ok(())
    }

    fn compare_plainly(&self, _: &Problem<'_>, _: Side<'_>, _: Side<'_>) -> Result<Vec<Check>, TaskError> {
        Ok(unknown())
    }
}

fn impossible(message: String) -> TaskError {
    TaskError::Impossible(message)
}

/// What the model of a bundle is.
fn config(bundle: &Bundle) -> Result<Config, TaskError> {
    bundle.model_config().map_err(TaskError::Data)
}

/// What every receipt must say of weights and tokens: what the bundle says.
fn told(bundle: &Bundle) -> Result<Parameters, TaskError> {
    let model = bundle.manifest().model.as_ref();
    let model = model.ok_or_else(|| impossible("the bundle names no model".to_owned()))?;
    let pairs = [("weights", &model.weights), ("tokens", &model.tokens)];
    Ok(pairs.map(|(name, hash)| (name.to_owned(), Value::Text(hash.clone()))).into())
}

/// Rates in tokens: those of phases, and of tokenizing.
fn tokens(bundle: &Bundle, phases: impl Iterator<Item = (String, u64)>) -> Rates {
    let tokenized = bundle.manifest().model.as_ref().map(|m| ("tokenize".to_owned(), m.tokenized));
    let rows: BTreeMap<String, u64> = phases.chain(tokenized).collect();
    Rates { unit: "tokens".to_owned(), per_row: 1, rows }
}

fn unknown() -> Vec<Check> {
    let finding = "nothing is known of this algorithm, so nothing proves that both computed it".to_owned();
    vec![Check::disagreement("algorithm", finding)]
}

/// A parameter that counts tokens.
fn count(parameters: &Parameters, name: &str) -> usize {
    parameters.get(name).and_then(Value::as_int).and_then(|n| usize::try_from(n).ok()).unwrap_or(0)
}

/// A whole number of tokens.
fn tokens_parameter(name: &str, least: u32, usual: i64, doc: &str) -> ParameterDef {
    ParameterDef::int_from(name, least, usual, doc).up_to(1e6)
}
