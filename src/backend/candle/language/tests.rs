//! Every model against transformers in double precision (`tests/reference/language_models.py`), and against itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use ndarray::{ArrayD, Axis};
use safetensors::tensor::TensorView;
use safetensors::{Dtype, SafeTensors};
use serde_json::Value;

use super::Candle;
use crate::backend::language::{Built, Decoder, Encoder, Languages, ModelAsk, Pooling, Refusal};
use crate::backend::network::Weights;
use crate::data::language::{Architecture, Config};

/// A model of the reference, and what transformers makes of its tokens.
struct Case {
    name: String,
    config: Config,
    weights: Weights,
    /// [rows, length]
    tokens: Vec<i64>,
    rows: usize,
    /// What else the file has of it.
    answers: BTreeMap<String, Vec<f64>>,
}

fn cases() -> Vec<Case> {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference"));
    let list: Value =
        serde_json::from_slice(&std::fs::read(folder.join("language_models.json")).unwrap()).unwrap();
    let bytes = std::fs::read(folder.join("language_models.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let case = |model: &Value| {
        let name = model["name"].as_str().unwrap().to_owned();
        let (mut weights, mut answers) = (Weights::new(), BTreeMap::new());
        let (mut tokens, mut rows) = (Vec::new(), 0);
        for (full, tensor) in file.iter() {
            let Some(rest) = full.strip_prefix(&format!("{name}/")) else { continue };
            let data = tensor.data();
            match (rest.strip_prefix("weights/"), tensor.dtype()) {
                (Some(weight), Dtype::F32) => {
                    let values = data.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
                    weights
                        .insert(weight.to_owned(), ArrayD::from_shape_vec(tensor.shape(), values).unwrap());
                }
                (None, Dtype::F64) => {
                    let values = data.as_chunks().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
                    answers.insert(rest.to_owned(), values);
                }
                (None, Dtype::I64) => {
                    tokens = data.as_chunks().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
                    rows = tensor.shape()[0];
                }
                other => panic!("{full} is {other:?}"),
            }
        }
        Case {
            config: Config::read(&model["config"].to_string()).unwrap(),
            name,
            weights,
            tokens,
            rows,
            answers,
        }
    };
    list["models"].as_array().unwrap().iter().map(case).collect()
}

/// A file of weights that goes when it is dropped.
struct File(PathBuf);

impl File {
    fn new(name: &str, weights: &Weights, more: &[(&str, Dtype, Vec<usize>, Vec<u8>)]) -> Self {
        let bytes: Vec<_> = weights
            .iter()
            .map(|(name, w)| (name, w, w.iter().flat_map(|v| v.to_le_bytes()).collect::<Vec<_>>()))
            .collect();
        let views = bytes.iter().map(|(name, w, bytes)| {
            ((*name).clone(), TensorView::new(Dtype::F32, w.shape().to_vec(), bytes).unwrap())
        });
        let more = more.iter().map(|(name, dtype, shape, bytes)| {
            ((*name).to_owned(), TensorView::new(*dtype, shape.clone(), bytes).unwrap())
        });
        let path = std::env::temp_dir().join(format!("candle-language-{}-{name}", std::process::id()));
        std::fs::write(&path, safetensors::serialize(views.chain(more), None).unwrap()).unwrap();
        Self(path)
    }
}

impl Drop for File {
    fn drop(&mut self) {
        std::fs::remove_file(&self.0).unwrap();
    }
}

fn ask<'a>(config: &'a Config, file: &'a File) -> ModelAsk<'a> {
    ModelAsk { config, weights: &file.0, device: "cpu", dtype: "float32", threads: 1 }
}

impl Case {
    fn build(&self, test: &str) -> Built {
        let file = File::new(&format!("{}-{test}", self.name), &self.weights, &[]);
        let built = Candle.build(&ask(&self.config, &file));
        built.unwrap_or_else(|refusal| panic!("{}: {refusal:?}", self.name))
    }

    fn encoder(&self, test: &str) -> Option<Box<dyn Encoder>> {
        match self.build(test) {
            Built::Encoder(encoder) => Some(encoder),
            Built::Decoder(_) => None,
        }
    }

    fn decoder(&self, test: &str) -> Option<Box<dyn Decoder>> {
        match self.build(test) {
            Built::Decoder(decoder) => Some(decoder),
            Built::Encoder(_) => None,
        }
    }

    fn length(&self) -> usize {
        self.tokens.len() / self.rows
    }
}

/// The largest difference, over the largest of the expected values.
fn difference(found: &[f32], expected: &[f64]) -> f64 {
    assert_eq!(found.len(), expected.len());
    let scale = expected.iter().fold(0.0_f64, |m, v| m.max(v.abs()));
    found.iter().zip(expected).fold(0.0_f64, |m, (x, y)| m.max((f64::from(*x) - y).abs())) / scale
}

fn wide(values: &[f32]) -> Vec<f64> {
    values.iter().copied().map(f64::from).collect()
}

const POOLINGS: [(Pooling, &str); 2] = [(Pooling::Mean, "mean"), (Pooling::Cls, "cls")];

#[test]
fn embeddings_are_those_of_transformers() {
    let mut seen = 0;
    for case in cases() {
        let Some(encoder) = case.encoder("embeddings") else { continue };
        seen += 1;
        for (pooling, name) in POOLINGS {
            let found = encoder.encode(&case.tokens, case.rows, pooling, false).unwrap();
            let off = difference(&found, &case.answers[name]);
            assert!(off < 2e-6, "{} {name}: {off}", case.name);
            let normalised = encoder.encode(&case.tokens, case.rows, pooling, true).unwrap();
            for (row, plain) in normalised.chunks(case.config.hidden).zip(found.chunks(case.config.hidden)) {
                let norm = plain.iter().map(|v| f64::from(*v).powi(2)).sum::<f64>().sqrt();
                let expected: Vec<f64> = plain.iter().map(|v| f64::from(*v) / norm).collect();
                assert!(difference(row, &expected) < 1e-6, "{} {name}", case.name);
            }
        }
    }
    assert_eq!(seen, 4);
}

#[test]
fn a_text_is_told_of_alike_alone_and_without_padding() {
    for case in cases() {
        let Some(encoder) = case.encoder("alone") else { continue };
        for (pooling, name) in POOLINGS {
            let together = encoder.encode(&case.tokens, case.rows, pooling, false).unwrap();
            for (row, expected) in case.tokens.chunks(case.length()).zip(together.chunks(case.config.hidden))
            {
                let alone = encoder.encode(row, 1, pooling, false).unwrap();
                assert!(difference(&alone, &wide(expected)) < 2e-6, "{} {name}", case.name);
                let kept: Vec<i64> = row.iter().copied().filter(|t| Some(*t) != case.config.pad).collect();
                let bare = encoder.encode(&kept, 1, pooling, false).unwrap();
                assert!(difference(&bare, &wide(expected)) < 2e-6, "{} {name}", case.name);
            }
        }
    }
}

#[test]
fn logits_are_those_of_transformers() {
    let mut seen = 0;
    for case in cases() {
        let Some(mut decoder) = case.decoder("logits") else { continue };
        seen += 1;
        let (rows, length, vocabulary) = (case.rows, case.length(), case.config.vocabulary);
        let expected = ArrayD::from_shape_vec(vec![rows, length, vocabulary], case.answers["logits"].clone());
        let expected = expected.unwrap();
        let places: Vec<i64> = (0..i64::try_from(rows * (length - 1)).unwrap()).collect();
        let told = decoder.next_tokens(&case.tokens, rows, &places).unwrap();
        let before_last = expected.select(Axis(1), &(0..length - 1).collect::<Vec<_>>());
        let flat: Vec<f64> = before_last.iter().copied().collect();
        let off = difference(&told.logits, &flat);
        assert!(off < 2e-6, "{}: {off}", case.name);

        let truth = case.tokens.chunks(length).flat_map(|row| &row[1..]);
        let (mut log_probabilities, mut answers) = (Vec::new(), Vec::new());
        for (logits, token) in flat.chunks(vocabulary).zip(truth) {
            let sum: f64 = logits.iter().map(|v| v.exp()).sum();
            log_probabilities.push(logits[usize::try_from(*token).unwrap()] - sum.ln());
            let best = (1..vocabulary).fold(0, |best, i| if logits[i] > logits[best] { i } else { best });
            answers.push(i64::try_from(best).unwrap());
        }
        let off = difference(&told.log_probabilities, &log_probabilities);
        assert!(off < 2e-6, "{}: {off}", case.name);
        assert_eq!(told.answers, answers, "{}", case.name);

        // Through the caches: a prompt of each length, then one token after the other. Twice, so that nothing is left of the first time.
        for prompt in [1, 4, 1, 9] {
            let given = |range: std::ops::Range<usize>| {
                let rows = case.tokens.chunks(length);
                rows.flat_map(|row| row[range.clone()].to_vec()).collect::<Vec<_>>()
            };
            decoder.prefill(&given(0..prompt), rows).unwrap();
            for last in prompt - 1..length {
                if last >= prompt {
                    decoder.decode(&given(last..last + 1)).unwrap();
                }
                let expected = expected.index_axis(Axis(1), last);
                let flat: Vec<f64> = expected.iter().copied().collect();
                let off = difference(&decoder.logits().unwrap(), &flat);
                assert!(off < 2e-6, "{} after {prompt} and {last}: {off}", case.name);
                let best = |logits: &[f64]| {
                    (1..vocabulary).fold(0, |best, i| if logits[i] > logits[best] { i } else { best })
                };
                let best: Vec<i64> =
                    flat.chunks(vocabulary).map(|row| i64::try_from(best(row)).unwrap()).collect();
                assert_eq!(decoder.likeliest().unwrap(), best, "{}", case.name);
                let width = match case.config.architecture {
                    Architecture::Llama => case.weights["model.layers.0.self_attn.k_proj.weight"].shape()[0],
                    _ => case.config.hidden,
                };
                let numbers = 2 * case.config.layers * rows * (last + 1) * width;
                assert_eq!(decoder.cache_bytes(), 4 * numbers as u64, "{}", case.name);
            }
        }
        // A row alone.
        for (row, expected) in case.tokens.chunks(length).zip(expected.outer_iter()) {
            decoder.prefill(row, 1).unwrap();
            let last: Vec<f64> = expected.index_axis(Axis(0), length - 1).iter().copied().collect();
            assert!(difference(&decoder.logits().unwrap(), &last) < 2e-6, "{}", case.name);
        }
    }
    assert_eq!(seen, 3);
}

/// Long enough that caches grow and that attention goes through several blocks of queries.
#[test]
fn a_long_text_is_told_of_alike_with_and_without_caches() {
    for case in cases() {
        let positions = ["transformer.wpe.weight"];
        let mut long = Case {
            config: Config { positions: 700, ..case.config.clone() },
            weights: case.weights.clone(),
            name: case.name.clone(),
            tokens: (0..1400).map(|i| (i * i + 3 * i) % 61).collect(),
            rows: 2,
            answers: BTreeMap::new(),
        };
        for name in positions {
            if let Some(table) = case.weights.get(name) {
                let longer = (0..700).map(|i| table.index_axis(Axis(0), i % 24).to_owned());
                let views: Vec<_> = longer.collect();
                let views: Vec<_> = views.iter().map(ndarray::ArrayBase::view).collect();
                long.weights.insert(name.to_owned(), ndarray::stack(Axis(0), &views).unwrap());
            }
        }
        if case.answers.contains_key("mean") {
            continue;
        }
        let Some(mut decoder) = long.decoder("long") else { continue };
        let places: Vec<i64> = (0..2 * 699).collect();
        let told = decoder.next_tokens(&long.tokens, 2, &places).unwrap();
        let vocabulary = case.config.vocabulary;
        let at = |place: usize| -> Vec<f64> {
            (0..2)
                .flat_map(|row| wide(&told.logits[(row * 699 + place) * vocabulary..][..vocabulary]))
                .collect()
        };
        let given = |range: std::ops::Range<usize>| {
            long.tokens.chunks(700).flat_map(|row| row[range.clone()].to_vec()).collect::<Vec<_>>()
        };
        let mut worst = 0.0_f64;
        decoder.prefill(&given(0..130), 2).unwrap();
        for last in 129..699 {
            if last >= 130 {
                decoder.decode(&given(last..last + 1)).unwrap();
            }
            worst = worst.max(difference(&decoder.logits().unwrap(), &at(last)));
        }
        assert!(worst < 2e-6, "{}: {worst}", case.name);
        for prompt in [127, 128, 129, 300, 699] {
            decoder.prefill(&given(0..prompt), 2).unwrap();
            let off = difference(&decoder.logits().unwrap(), &at(prompt - 1));
            assert!(off < 2e-6, "{} {prompt}: {off}", case.name);
        }
    }
}

#[test]
fn weights_are_read_back_with_those_that_nothing_uses() {
    for case in cases() {
        let found = match case.build("weights") {
            Built::Encoder(encoder) => (encoder.weights(), encoder.dtype()),
            Built::Decoder(decoder) => (decoder.weights(), decoder.dtype()),
        };
        assert_eq!(found, (Ok(case.weights.clone()), "float32".to_owned()), "{}", case.name);
    }
}

#[test]
fn places_and_masks_in_a_file_are_no_weights() {
    let case = cases().into_iter().find(|case| case.name == "bert").unwrap();
    let places: Vec<u8> = (0..24_i64).flat_map(i64::to_le_bytes).collect();
    let more = [
        ("embeddings.position_ids", Dtype::I64, vec![1, 24], places),
        ("h.0.attn.bias", Dtype::F32, vec![1], vec![0; 4]),
    ];
    let file = File::new("more", &case.weights, &more);
    let Ok(Built::Encoder(encoder)) = Candle.build(&ask(&case.config, &file)) else { panic!() };
    assert_eq!(encoder.weights().unwrap(), case.weights);
}

#[test]
fn what_does_not_fit_is_refused_with_its_reason() {
    let case = cases().into_iter().find(|case| case.name == "llama").unwrap();
    let refusal = |config: &Config, weights: &Weights, device: &str, dtype: &str| {
        let file = File::new("refused", weights, &[]);
        match Candle.build(&ModelAsk { device, dtype, ..ask(config, &file) }) {
            Ok(_) => panic!("it was not refused"),
            Err(Refusal::Unsupported(reason)) => format!("unsupported: {reason}"),
            Err(Refusal::Failed(reason)) => format!("failed: {reason}"),
        }
    };
    let cuda = refusal(&case.config, &case.weights, "cuda", "float32");
    assert_eq!(cuda, "unsupported: candle was built without CUDA");
    assert!(
        refusal(&case.config, &case.weights, "cpu", "bfloat16").starts_with("unsupported: candle's `sum`")
    );
    let mut less = case.weights.clone();
    less.remove("model.layers.1.mlp.up_proj.weight");
    let missing = refusal(&case.config, &less, "cpu", "float32");
    assert!(
        missing.starts_with("failed: ") && missing.contains("model.layers.1.mlp.up_proj.weight"),
        "{missing}"
    );
    let narrow = Config { intermediate: 41, ..case.config.clone() };
    let shape = refusal(&narrow, &case.weights, "cpu", "float32");
    assert!(shape.starts_with("failed: ") && shape.contains("gate_proj"), "{shape}");
}
