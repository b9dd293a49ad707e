//! Configs and names of tensors against transformers' (`tests/reference/language_models.py`), and models from users' folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use safetensors::SafeTensors;
use serde_json::{Value, json};

use super::config::Config;
use super::model::{CONFIG, Model, TOKENIZER, WEIGHTS};
use super::shapes::SHAPES;
use super::tensors::tensors;
use crate::data::bundle::Tensor;

#[test]
fn every_architecture_has_the_tensors_of_transformers() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/reference"));
    let models: Value =
        serde_json::from_slice(&fs::read(folder.join("language_models.json")).unwrap()).unwrap();
    let bytes = fs::read(folder.join("language_models.safetensors")).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    for model in models["models"].as_array().unwrap() {
        let name = model["name"].as_str().unwrap();
        let config = Config::read(&model["config"].to_string()).unwrap();
        let prefix = format!("{name}/weights/");
        let given: BTreeMap<String, Vec<usize>> = file
            .iter()
            .filter_map(|(full, view)| Some((full.strip_prefix(&prefix)?.to_owned(), view.shape().to_vec())))
            .collect();
        let wanted: BTreeMap<String, Vec<usize>> =
            tensors(&config).into_iter().map(|tensor| (tensor.name, tensor.shape)).collect();
        let used = |(name, _): &(&String, &Vec<usize>)| !name.starts_with("pooler.");
        let given: BTreeMap<_, _> = given.iter().filter(used).collect();
        assert_eq!(given, wanted.iter().collect(), "{name}");
    }
}

#[test]
fn shapes_are_configs_that_can_be_read() {
    for shape in SHAPES {
        let config = Config::read(&shape.config().to_string()).unwrap();
        assert_eq!(config.architecture, shape.architecture, "{}", shape.name);
        assert!(config.longest() >= 512, "{}", shape.name);
    }
    let of = |name: &str| Config::read(&super::shapes::find(name).unwrap().config().to_string()).unwrap();
    let entries =
        |name: &str| -> usize { tensors(&of(name)).iter().map(|t| t.shape.iter().product::<usize>()).sum() };
    assert_eq!(entries("gpt2"), 124_439_808, "as published: 124 million");
    assert_eq!(entries("gpt2_medium"), 354_823_168);
    assert_eq!(entries("gpt2_large"), 774_030_080);
}

#[test]
fn what_is_not_computed_is_refused_by_name() {
    let base = json!({
        "model_type": "llama", "vocab_size": 10, "hidden_size": 8, "num_hidden_layers": 1,
        "num_attention_heads": 2, "intermediate_size": 8, "max_position_embeddings": 16,
    });
    let told = |key: &str, value: Value| {
        let mut config = base.clone();
        config[key] = value;
        Config::read(&config.to_string()).map(|_| ()).unwrap_err()
    };
    assert!(Config::read(&base.to_string()).is_ok());
    assert!(told("model_type", json!("mamba")).contains("model_type \"mamba\"; known: bert, distilbert"));
    assert!(told("rope_scaling", json!({ "factor": 2.0 })).contains("rope_scaling"));
    assert!(told("rope_parameters", json!({ "rope_type": "llama3" })).contains("rope_type = \"llama3\""));
    assert!(told("attention_bias", json!(true)).contains("attention_bias = true"));
    assert!(told("hidden_act", json!("relu")).contains("the activation relu"));
    assert!(told("num_key_value_heads", json!(3)).contains("2 heads cannot share 3 heads"));
    assert!(told("hidden_size", json!(0)).contains("hidden_size = 0"));
}

/// A folder with the tensors of a GPT-2 as it was published, without the prefix of its class, but for one.
fn folder(path: &Path, without: &str) {
    let config = json!({ "model_type": "gpt2", "vocab_size": 5, "n_embd": 4, "n_layer": 1, "n_head": 2, "n_positions": 8 });
    fs::write(path.join(CONFIG), config.to_string()).unwrap();
    let read = Config::read(&config.to_string()).unwrap();
    let named = tensors(&read).into_iter().zip(0..).map(|(tensor, seed)| {
        let values = tensor.draw(seed, 0).into_iter().map(f64::from);
        let name = tensor.name.trim_start_matches("transformer.").to_owned();
        (name, Tensor::float32(tensor.shape.clone(), values))
    });
    let mut tensors: Vec<(String, Tensor)> = named.filter(|(name, _)| name != without).collect();
    tensors.push(("h.0.attn.masked".to_owned(), Tensor::float32(vec![1], [0.0])));
    fs::write(path.join("part-1.safetensors"), Tensor::serialize_all(&tensors[..5])).unwrap();
    fs::write(path.join("part-2.safetensors"), Tensor::serialize_all(&tensors[5..])).unwrap();
    let words: BTreeMap<String, u32> =
        ["a", "b", "c", "d", "[UNK]"].map(str::to_owned).into_iter().zip(0..).collect();
    let tokenizer = json!({
        "version": "1.0", "truncation": null, "padding": null, "added_tokens": [], "normalizer": null,
        "pre_tokenizer": { "type": "WhitespaceSplit" }, "post_processor": null, "decoder": null,
        "model": { "type": "WordLevel", "vocab": words, "unk_token": "[UNK]" },
    });
    fs::write(path.join(TOKENIZER), tokenizer.to_string()).unwrap();
}

#[test]
fn a_users_folder_becomes_one_of_the_classes_own_names() {
    let (place, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(place.path(), "");
    let model = Model::folder(place.path().to_owned()).unwrap();
    assert!(model.is_decoder().unwrap());
    let ready = model.prepare(cache.path(), &mut |_| ()).unwrap();
    let bytes = fs::read(ready.folder.join(WEIGHTS)).unwrap();
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let mut names: Vec<String> = tensors(&ready.config).into_iter().map(|tensor| tensor.name).collect();
    names.sort();
    let mut kept = file.names();
    kept.sort_unstable();
    assert_eq!(kept, names, "what no class has is left out");
    let ids = ready.tokenizer().unwrap().encode("b d x", false).unwrap();
    assert_eq!(ids.get_ids(), [1, 3, 4]);
    // The same files give the same folder, and damage is mended.
    let again = || model.prepare(cache.path(), &mut |_| ()).unwrap();
    assert_eq!((again().folder, again().files), (ready.folder.clone(), ready.files.clone()));
    fs::write(ready.folder.join(WEIGHTS), b"damaged").unwrap();
    assert_eq!(again().files, ready.files);
    assert_eq!(fs::read(ready.folder.join(WEIGHTS)).unwrap(), bytes);
}

#[test]
fn a_folder_that_lacks_something_is_told() {
    let (place, cache) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    folder(place.path(), "h.0.ln_2.bias");
    let model = Model::folder(place.path().to_owned()).unwrap();
    let error = model.prepare(cache.path(), &mut |_| ()).unwrap_err().to_string();
    assert!(error.ends_with("it has no tensor transformer.h.0.ln_2.bias [4]"), "{error}");
    for file in ["part-1.safetensors", "part-2.safetensors"] {
        fs::remove_file(place.path().join(file)).unwrap();
    }
    let error = Model::folder(place.path().to_owned()).unwrap_err().to_string();
    assert!(error.ends_with("it has no file that ends in .safetensors"), "{error}");
}
