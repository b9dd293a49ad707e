//! A trial of a language model: build, tokenize, then what is asked of its rows. `docs/design/language-models.md` has the rules, and the Python
//! kit the same loop (`benchrun_kit/language.py`).

use std::hint::black_box;
use std::path::PathBuf;

use sha2::{Digest, Sha256};
use tokenizers::Tokenizer;

use super::channel::Channel;
use super::clock::SystemClock;
use super::generation::{self, Generations};
use super::measure::{Samples, measure};
use super::native::{Ended, begin, build_facts, end, failed, samples, write};
use super::network::digest;
use super::process;
use super::protocol::{Event, PhaseKind, PhaseRequest, Receipt, Request, Threads};
use crate::backend::language::{Built, Decoder, Encoder, Languages, Model, ModelAsk, Pooling, Refusal};
use crate::backend::network::NextTokens;
use crate::backend::{Framework, Tensor};
use crate::data::bundle::{Bundle, TEST_FEATURES};
use crate::data::language::model::{TOKENIZER, WEIGHTS, tokenizer};
use crate::data::language::{Config, note_tokens, truncate};
use crate::files::hexadecimal;
use crate::task::language::asked;
use crate::task::network::evidence::shown;
use crate::task::parameter::Value;

/// The first tokens of the first row after each of which a decoder shows its logits.
const FIRST: usize = 8;

/// Rows of tokens.
pub(super) struct Rows {
    pub tokens: Vec<i64>,
    pub count: usize,
    pub length: usize,
}

impl Rows {
    /// The rows of a batch, another than the one before.
    pub fn batch(&self, number: u64, count: usize) -> (usize, &[i64]) {
        let batches = (self.count / count).max(1);
        let first = usize::try_from(number).unwrap_or_default() % batches * count;
        (first, &self.tokens[first * self.length..(first + count) * self.length])
    }
}

/// Everything that is loaded.
struct Inputs {
    bundle: String,
    folder: PathBuf,
    config: Config,
    documents: Vec<String>,
    special_tokens: bool,
    tokenizer: Tokenizer,
    rows: Rows,
    uniforms: Vec<f64>,
    draws: Option<String>,
}

/// What the phases leave behind.
#[derive(Default)]
struct Done {
    weights: String,
    tokens: String,
    generations: Generations,
}

/// Runs the trial.
pub(super) fn trial(channel: &mut Channel, request: &Request, framework: &Framework) -> Result<(), Ended> {
    let Some(languages) = framework.languages else {
        return Err(Ended::Unsupported(format!("{} has no language models", framework.id)));
    };
    begin(channel, "load")?;
    let inputs = load(request)?;
    end(channel, "load")?;
    let mut built: Option<Built> = None;
    let mut done = Done::default();
    for phase in &request.phases {
        begin(channel, &phase.name)?;
        let series = run(request, phase, languages, &inputs, &mut built, &mut done)?;
        end(channel, &phase.name)?;
        if let (PhaseKind::Build, Some(built)) = (phase.kind, &built) {
            done.weights = digest(&model(built).weights().map_err(failed("BuildError"))?);
        }
        for (name, of_name) in phase.series().into_iter().zip(series) {
            samples(channel, &name, of_name)?;
        }
    }
    let Some(mut built) = built else {
        return Err(Ended::Failed { kind: "InvalidRequest", message: "no phase builds a model".to_owned() });
    };
    channel.send(&Event::Receipt(receipt(request, framework, &inputs, model(&built), &done)))?;
    let outputs = outputs(request, &inputs, &mut built, &done).map_err(failed("OutputError"))?;
    write(channel, &request.output_dir, &outputs)
}

fn load(request: &Request) -> Result<Inputs, Ended> {
    let bundle = Bundle::open(&request.bundle).map_err(failed("BundleError"))?;
    let (Some(record), Some(folder)) = (bundle.manifest().model.clone(), bundle.model_folder()) else {
        let message = "the bundle names no language model".to_owned();
        return Err(Ended::Failed { kind: "BundleError", message });
    };
    let mut tokenizer = tokenizer(&folder.join(TOKENIZER)).map_err(failed("BundleError"))?;
    if let Some(length) = record.truncate {
        truncate(&mut tokenizer, length).map_err(failed("BundleError"))?;
    }
    let (uniforms, draws) = match &request.draws {
        Some(path) => generation::uniforms(path).map_err(failed("DrawsError"))?,
        None => (Vec::new(), None),
    };
    Ok(Inputs {
        bundle: bundle.hash().to_owned(),
        config: bundle.model_config().map_err(failed("BundleError"))?,
        documents: bundle.documents().map_err(failed("BundleError"))?,
        special_tokens: record.special_tokens,
        tokenizer,
        rows: Rows {
            tokens: bundle.i64_values(TEST_FEATURES).map_err(failed("BundleError"))?,
            count: bundle.rows(TEST_FEATURES).map_err(failed("BundleError"))?,
            length: bundle.columns(TEST_FEATURES).map_err(failed("BundleError"))?,
        },
        folder,
        uniforms,
        draws,
    })
}

fn model(built: &Built) -> &dyn Model {
    match built {
        Built::Encoder(encoder) => &**encoder,
        Built::Decoder(decoder) => &**decoder,
    }
}

fn run(
    request: &Request,
    phase: &PhaseRequest,
    languages: &dyn Languages,
    inputs: &Inputs,
    built: &mut Option<Built>,
    done: &mut Done,
) -> Result<Vec<Samples>, Ended> {
    let rows = &inputs.rows;
    let count = phase.batch_rows.unwrap_or(rows.count);
    if count == 0 || count > rows.count {
        let message = format!("batch_rows is {count}, but there are {} rows", rows.count);
        return Err(Ended::Failed { kind: "InvalidRequest", message });
    }
    let none = || Ended::Failed {
        kind: "InvalidRequest",
        message: format!("{} comes before the model is built, or is none of such a model", phase.name),
    };
    Ok(vec![match (phase.kind, built.as_mut()) {
        (PhaseKind::Build, _) => {
            let weights = inputs.folder.join(WEIGHTS);
            let ask = ModelAsk {
                config: &inputs.config,
                weights: &weights,
                device: &request.device,
                dtype: &request.dtype,
                threads: request.threads,
            };
            let build = |_| languages.build(black_box(&ask)).map_err(refused);
            let (of_builds, model) = measure(&SystemClock, &phase.repeat, request.slowdown, build)?;
            *built = model;
            of_builds
        }
        (PhaseKind::Tokenize, _) => {
            let (of_calls, tokens) = measure(&SystemClock, &phase.repeat, request.slowdown, |_| {
                tokenize(inputs).map(black_box).map_err(failed("TokenizeError"))
            })?;
            done.tokens = hash(&tokens.unwrap_or_default());
            of_calls
        }
        (PhaseKind::Predict, Some(built)) => {
            let call = |number| {
                let (_, tokens) = rows.batch(number, count);
                answer(request, built, black_box(tokens), count).map(black_box)
            };
            measure(&SystemClock, &phase.repeat, request.slowdown, |number| {
                call(number).map_err(failed("PredictError"))
            })?
            .0
        }
        (PhaseKind::Generate, Some(Built::Decoder(decoder))) => {
            let asked = asked(&request.algorithm, &request.hyperparameters).ok_or_else(none)?;
            let work = generation::Work { asked, rows, uniforms: &inputs.uniforms };
            return work.time(&mut **decoder, phase, count, request.slowdown, &mut done.generations);
        }
        _ => return Err(none()),
    }])
}

fn refused(refusal: Refusal) -> Ended {
    match refusal {
        Refusal::Unsupported(reason) => Ended::Unsupported(reason),
        Refusal::Failed(message) => Ended::Failed { kind: "BuildError", message },
    }
}

/// The ids of every document.
fn tokenize(inputs: &Inputs) -> Result<Vec<Vec<u32>>, String> {
    let documents: Vec<&str> = inputs.documents.iter().map(String::as_str).collect();
    let encoded = inputs.tokenizer.encode_batch(documents, inputs.special_tokens);
    Ok(encoded.map_err(|error| error.to_string())?.iter().map(|e| e.get_ids().to_vec()).collect())
}

fn hash(tokens: &[Vec<u32>]) -> String {
    let mut digest = Sha256::new();
    for ids in tokens {
        note_tokens(&mut digest, ids);
    }
    hexadecimal(&digest.finalize())
}

/// What an encoder or a decoder says of whole rows.
#[expect(dead_code, reason = "what is timed is that the caller owns it")]
enum Answer {
    Embeddings(Vec<f32>),
    Next(NextTokens),
}

fn answer(request: &Request, built: &Built, tokens: &[i64], count: usize) -> Result<Answer, String> {
    match built {
        Built::Encoder(encoder) => embed(request, &**encoder, tokens, count).map(Answer::Embeddings),
        Built::Decoder(decoder) => decoder.next_tokens(tokens, count, &[]).map(Answer::Next),
    }
}

fn embed(request: &Request, encoder: &dyn Encoder, tokens: &[i64], count: usize) -> Result<Vec<f32>, String> {
    let pooling = match request.algorithm.as_str() {
        "mean" => Pooling::Mean,
        "cls" => Pooling::Cls,
        other => return Err(format!("there is no pooling `{other}`")),
    };
    let normalize = request.hyperparameters.get("normalize").and_then(Value::as_bool).unwrap_or(false);
    encoder.encode(tokens, count, pooling, normalize)
}

fn receipt(
    request: &Request,
    framework: &Framework,
    inputs: &Inputs,
    model: &dyn Model,
    done: &Done,
) -> Receipt {
    let produced = i64::try_from(done.generations.produced()).unwrap_or(i64::MAX);
    let work = [
        ("weights", Value::Text(done.weights.clone())),
        ("tokens", Value::Text(done.tokens.clone())),
        ("produced", Value::Int(produced)),
    ];
    Receipt {
        hyperparameters: request.hyperparameters.clone(),
        settings: request.settings.clone(),
        bundle: inputs.bundle.clone(),
        draws: inputs.draws.clone(),
        dtype: model.dtype(),
        layout: "row-major".to_owned(),
        train_rows: 0,
        features: inputs.rows.length as u64,
        device: request.device.clone(),
        threads: Threads { allowed: request.threads, pool: model.pool(), alive: process::threads() },
        blas: vec![(framework.blas)()],
        work: work.map(|(name, value)| (name.to_owned(), value)).into(),
        build: build_facts().into_iter().chain(model.facts()).collect(),
        libraries: process::libraries(),
    }
}

fn outputs(
    request: &Request,
    inputs: &Inputs,
    built: &mut Built,
    done: &Done,
) -> Result<Vec<(&'static str, Tensor)>, String> {
    let rows = &inputs.rows;
    let decoder = match built {
        Built::Encoder(encoder) => {
            let last = request.phases.iter().rfind(|p| p.kind == PhaseKind::Predict);
            let at_once = last.and_then(|p| p.batch_rows).unwrap_or(1).max(1);
            let mut all = Vec::new();
            for tokens in rows.tokens.chunks(at_once * rows.length) {
                all.extend(embed(request, &**encoder, tokens, tokens.len() / rows.length)?);
            }
            return Ok(vec![("embeddings", Tensor::widened(vec![rows.count, all.len() / rows.count], &all))]);
        }
        Built::Decoder(decoder) => &mut **decoder,
    };
    let mut outputs = match asked(&request.algorithm, &request.hyperparameters) {
        None => scored(rows, decoder)?,
        Some(asked) => {
            let work = generation::Work { asked, rows, uniforms: &inputs.uniforms };
            work.outputs(decoder, &done.generations)?
        }
    };
    let first = FIRST.min(rows.length);
    // The token after the last of them may be any: what is shown stands before it.
    let text: Vec<i64> = rows.tokens[..first].iter().copied().chain([0]).collect();
    let places: Vec<i64> = (0..i64::try_from(first).unwrap_or(0)).collect();
    outputs.push(("first_logits", matrix(&decoder.next_tokens(&text, 1, &places)?.logits, first)));
    Ok(outputs)
}

/// What a decoder makes of every token, a row at a time.
fn scored(rows: &Rows, decoder: &dyn Decoder) -> Result<Vec<(&'static str, Tensor)>, String> {
    let steps = rows.length - 1;
    let places: Vec<usize> = shown(rows.count * steps).collect();
    let mut all = NextTokens::default();
    for row in 0..rows.count {
        let within = places.iter().filter(|place| *place / steps == row).map(|place| place % steps);
        let within: Vec<i64> = within.map(|place| i64::try_from(place).unwrap_or(i64::MAX)).collect();
        let tokens = &rows.tokens[row * rows.length..(row + 1) * rows.length];
        let of_row = decoder.next_tokens(tokens, 1, &within)?;
        all.log_probabilities.extend(of_row.log_probabilities);
        all.answers.extend(of_row.answers);
        all.logits.extend(of_row.logits);
    }
    let shape = vec![rows.count, steps];
    Ok(vec![
        ("log_probabilities", Tensor::widened(shape.clone(), &all.log_probabilities)),
        ("answers", Tensor::whole(shape, &all.answers)),
        ("logits", matrix(&all.logits, places.len())),
    ])
}

/// Rows of numbers.
pub(super) fn matrix(values: &[f32], rows: usize) -> Tensor {
    Tensor::widened(vec![rows, values.len().checked_div(rows).unwrap_or(0)], values)
}
