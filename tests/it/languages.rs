//! Language models end to end: the same weights, tokens and choices in candle and transformers, and what a user sees where something is missing.

use serde_json::{Value, json};

use crate::support::Place;

const PROTOCOL: &str = r#"
name = "languages"
[protocol]
blocks = 2
timeout = "5min"
memory = "8GiB"
[protocol.predict]
batch_sizes = [1, 2]
warmup = 0
min_samples = 2
max_samples = 2
"#;

fn findings(comparison: &Value, case: usize) -> &Value {
    let pair = &comparison["cases"][case]["pairs"][0];
    assert_eq!((&pair["comparable"], &pair["reasons"]), (&json!(true), &json!([])), "{pair:#}");
    &pair["findings"]
}

#[test]
fn two_languages_answer_with_the_same_models() {
    let spec = r#"
[[experiment]]
name = "sentences"
task = "embedding"
model = "minilm"
text = { length = 32, rows = 12 }
datasets = ["rotten_tomatoes"]
languages = ["rust", "python"]
[experiment.algorithms]
mean = {}
cls = { normalize = false }
[[experiment]]
name = "an instructed model"
task = "language_model"
model = "smollm2_135m"
text = { length = 32, rows = 2 }
datasets = ["shakespeare"]
languages = ["rust", "python"]
[experiment.algorithms]
greedy = { prompt_tokens = 16, new_tokens = 16 }
[[experiment]]
name = "random weights"
task = "language_model"
model = { shape = "gpt2_tiny" }
text = { length = 24, rows = 4 }
datasets = ["shakespeare"]
languages = ["rust", "python"]
[experiment.algorithms]
perplexity = { context = 8 }
sample = { prompt_tokens = 8, new_tokens = 8, temperature = 0.8, top_p = 0.9, repetition_penalty = 1.2 }
[[experiment]]
name = "shared layers"
task = "embedding"
model = { shape = "albert_tiny", seed = 3 }
text = { length = 16, rows = 4 }
datasets = ["rotten_tomatoes"]
languages = ["rust", "python"]
[experiment.algorithms]
mean = {}
"#;
    let place = Place::new();
    place.write("languages.toml", &[PROTOCOL, spec].concat());
    place.run(&["languages.toml", "--quiet"]).success();
    let comparison = place.comparison("languages");
    assert_eq!(comparison["trials"], json!({ "ok": 24 }));
    let text = |case: usize, finding: &str| findings(&comparison, case)[finding].as_str().unwrap().to_owned();
    for case in [0, 1, 5] {
        assert!(text(case, "cosine").starts_with("cosines of the embeddings and 1 within"));
        assert!(text(case, "reference of rust/candle").contains("python/transformers's in float64 within"));
    }
    assert_eq!(text(2, "tokens"), "all 16 tokens of 3 rows identical");
    assert!(text(3, "log-probabilities").contains("within"));
    assert_eq!(text(4, "tokens"), "all 8 tokens of 3 rows identical");
    let phases = |case: usize| -> Vec<String> {
        let phases = comparison["cases"][case]["pairs"][0]["phases"].as_array().unwrap();
        phases.iter().map(|phase| phase["phase"].as_str().unwrap().to_owned()).collect()
    };
    for (case, wanted) in [
        (0, ["build", "tokenize", "encode@1", "encode@2"].as_slice()),
        (2, &["build", "tokenize", "prefill@1", "decode@1", "prefill@2", "decode@2"]),
        (3, &["build", "tokenize", "score@1", "score@2"]),
    ] {
        let phases = phases(case);
        assert!(wanted.iter().all(|phase| phases.iter().any(|p| p == phase)), "{case}: {phases:?}");
    }
}

#[test]
fn what_is_no_model_or_no_text_is_told() {
    let place = Place::new();
    let told = |experiment: &str| {
        let head = "[[experiment]]\nname = \"a\"\nlanguages = [\"rust\"]\n";
        place.write("languages.toml", &[PROTOCOL, head, experiment].concat());
        place.run(&["languages.toml", "--quiet"]).stderr
    };
    let mean = "[experiment.algorithms]\nmean = {}\n";
    let perplexity = "[experiment.algorithms]\nperplexity = {}\n";
    let embedding = |lines: &str| told(&format!("task = \"embedding\"\n{lines}\n{mean}"));
    let of_model = |model: &str| embedding(&format!("datasets = [\"rotten_tomatoes\"]\nmodel = {model}"));
    for (text, wanted) in [
        (embedding("datasets = [\"rotten_tomatoes\"]"), "embedding needs `model`"),
        (of_model("\"minilmo\""), "did you mean `minilm`?"),
        (of_model("\"gpt2\""), "no registry holds its weights; write { shape = \"gpt2\" } for random ones"),
        (of_model("{ shape = \"gpt3\" }"), "unknown shape `gpt3`"),
        (of_model("{ path = \"nowhere\" }"), "nowhere/config.json"),
        (of_model("{ shape = \"bert_tiny\", sed = 1 }"), "did you mean `seed`?"),
        (embedding("datasets = [\"mnist\"]\nmodel = \"minilm\""), "`mnist` is not made of texts"),
        (
            embedding("datasets = [\"rotten_tomatoes\"]\nmodel = \"minilm\"\nsplit = { test = 0.5 }"),
            "embedding trains nothing, so no rows are held out",
        ),
        (
            embedding("datasets = [\"rotten_tomatoes\"]\nmodel = { shape = \"gpt2_tiny\" }"),
            "the model is a gpt2, which predicts what follows a text; an embedding needs an encoder",
        ),
        (
            told(&format!(
                "task = \"language_model\"\ndatasets = [\"shakespeare\"]\nmodel = {{ shape = \"gpt2_tiny\" }}\ntext = {{ length = 2000 }}\n{perplexity}"
            )),
            "a row has 2000 tokens, but gpt2_tiny with random weights reads at most 1024",
        ),
        (
            told(
                "task = \"regression\"\ndatasets = [\"diabetes\"]\nmodel = \"minilm\"\n[experiment.algorithms]\nols = {}\n",
            ),
            "regression asks no language model",
        ),
    ] {
        assert!(text.contains(wanted), "{wanted}: {text}");
    }
}
