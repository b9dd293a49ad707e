//! A Llama model from a GGUF file (`ggml`'s format): weights dequantised once, under Hugging Face's names, and its tokenizer.
//!
//! llama.cpp stores the rows of the matrices of queries and keys in the order of its own rotary embedding, which turns neighbours (2i, 2i + 1);
//! Hugging Face's turns (i, i + width/2). `convert_hf_to_gguf.py` permutes from one to the other, and this undoes it.

use std::collections::BTreeMap;
use std::io::Cursor;

use candle_core::Device;
use candle_core::quantized::gguf_file::Content;
use candle_core::quantized::tokenizer::TokenizerFromGguf;
use serde_json::json;
use tokenizers::Tokenizer;
use tokenizers::pre_tokenizers::byte_level::ByteLevel;
use tokenizers::pre_tokenizers::digits::Digits;
use tokenizers::pre_tokenizers::sequence::Sequence;

use super::model::Parts;
use crate::data::error::DataError;

/// Reads a file.
///
/// # Errors
/// It is no GGUF file, of another architecture than Llama, or lacks something.
pub fn parts(bytes: &[u8]) -> Result<Parts, DataError> {
    read(bytes).map_err(|problem| DataError::Malformed { file: "the GGUF file".to_owned(), problem })
}

fn read(bytes: &[u8]) -> Result<Parts, String> {
    fn told(error: impl std::fmt::Display) -> String {
        error.to_string()
    }
    let mut file = Cursor::new(bytes);
    let content = Content::read(&mut file).map_err(told)?;
    let text = |key: &str| content.metadata.get(key).and_then(|v| v.to_string().ok()).cloned();
    let architecture = text("general.architecture").unwrap_or_default();
    if architecture != "llama" {
        return Err(format!("it is a model of the architecture \"{architecture}\", but only llama is read"));
    }
    let value = |key: &str| content.metadata.get(key).ok_or_else(|| format!("it says nothing of {key}"));
    let count = |key: &str| value(key)?.to_u32().map(|n| n as usize).map_err(told);
    let number = |key: &str| value(key)?.to_f32().map(f64::from).map_err(told);
    let (heads, of_keys) = (count("llama.attention.head_count")?, count("llama.attention.head_count_kv")?);
    let mut tensors = BTreeMap::new();
    for name in content.tensor_infos.keys() {
        let Some(wanted) = hugging_face(name) else { return Err(format!("it has an unknown tensor {name}")) };
        let tensor = content.tensor(&mut file, name, &Device::Cpu).map_err(told)?;
        let tensor = tensor.dequantize(&Device::Cpu).map_err(told)?;
        let shape = tensor.dims().to_vec();
        let mut values: Vec<f32> = tensor.flatten_all().and_then(|t| t.to_vec1()).map_err(told)?;
        if name.ends_with("attn_q.weight") {
            values = halves(&values, shape[1], shape[0] / heads);
        } else if name.ends_with("attn_k.weight") {
            values = halves(&values, shape[1], shape[0] / of_keys);
        }
        tensors.insert(wanted, (shape, values));
    }
    let vocabulary = tensors.get("model.embed_tokens.weight").map_or(0, |(shape, _)| shape[0]);
    let token = |key: &str| count(key).ok();
    let config = json!({
        "architectures": ["LlamaForCausalLM"],
        "model_type": "llama",
        "vocab_size": vocabulary,
        "hidden_size": count("llama.embedding_length")?,
        "intermediate_size": count("llama.feed_forward_length")?,
        "num_hidden_layers": count("llama.block_count")?,
        "num_attention_heads": heads,
        "num_key_value_heads": of_keys,
        "max_position_embeddings": count("llama.context_length")?,
        "rms_norm_eps": number("llama.attention.layer_norm_rms_epsilon")?,
        "rope_theta": number("llama.rope.freq_base")?,
        "hidden_act": "silu",
        "tie_word_embeddings": !tensors.contains_key("lm_head.weight"),
        "bos_token_id": token("tokenizer.ggml.bos_token_id"),
        "eos_token_id": token("tokenizer.ggml.eos_token_id"),
        "pad_token_id": token("tokenizer.ggml.padding_token_id"),
    });
    let mut tokenizer = Tokenizer::from_gguf(&content).map_err(told)?;
    match text("tokenizer.ggml.pre").as_deref() {
        Some("smollm") => byte_level(&mut tokenizer, true),
        Some("gpt-2") => byte_level(&mut tokenizer, false),
        other => {
            return Err(format!("its texts are split as {other:?}, but only smollm and gpt-2 are known"));
        }
    }
    Ok(Parts { config, tensors, tokenizer })
}

/// Splits texts as GPT-2 does, where it is asked each digit alone, before bytes are merged.
pub(super) fn byte_level(tokenizer: &mut Tokenizer, digits: bool) {
    let bytes = ByteLevel::new(false, true, true);
    if digits {
        let both = Sequence::new(vec![Digits::new(true).into(), bytes.into()]);
        tokenizer.with_pre_tokenizer(Some(both));
    } else {
        tokenizer.with_pre_tokenizer(Some(bytes));
    }
    tokenizer.with_post_processor(Some(ByteLevel::new(true, false, true)));
    tokenizer.with_decoder(Some(ByteLevel::new(true, true, true)));
}

/// The name of a tensor in Hugging Face's Llama.
fn hugging_face(name: &str) -> Option<String> {
    match name {
        "token_embd.weight" => return Some("model.embed_tokens.weight".to_owned()),
        "output_norm.weight" => return Some("model.norm.weight".to_owned()),
        "output.weight" => return Some("lm_head.weight".to_owned()),
        _ => {}
    }
    let (layer, part) = name.strip_prefix("blk.")?.split_once('.')?;
    let part = match part.strip_suffix(".weight")? {
        "attn_norm" => "input_layernorm",
        "attn_q" => "self_attn.q_proj",
        "attn_k" => "self_attn.k_proj",
        "attn_v" => "self_attn.v_proj",
        "attn_output" => "self_attn.o_proj",
        "ffn_norm" => "post_attention_layernorm",
        "ffn_gate" => "mlp.gate_proj",
        "ffn_up" => "mlp.up_proj",
        "ffn_down" => "mlp.down_proj",
        _ => return None,
    };
    Some(format!("model.layers.{layer}.{part}.weight"))
}

/// Of heads of `width` rows each, the rows in the order in which a rotary embedding turns halves: row 2i becomes row i, and row 2i + 1 row
/// i + width/2.
fn halves(values: &[f32], columns: usize, width: usize) -> Vec<f32> {
    let row = |place: usize| &values[place * columns..(place + 1) * columns];
    let rows = values.len() / columns;
    let mut turned = Vec::with_capacity(values.len());
    for head in (0..rows).step_by(width) {
        for parity in [0, 1] {
            (0..width / 2).for_each(|i| turned.extend_from_slice(row(head + 2 * i + parity)));
        }
    }
    turned
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn neighbours_become_halves() {
        // Two heads of four rows, of one column each.
        let stored = [0.0, 2.0, 1.0, 3.0, 10.0, 12.0, 11.0, 13.0];
        let wanted = [0.0, 1.0, 2.0, 3.0, 10.0, 11.0, 12.0, 13.0];
        assert_eq!(halves(&stored, 1, 4), wanted);
    }

    #[test]
    fn names_are_hugging_faces() {
        let of = |name| hugging_face(name).unwrap_or_default();
        assert_eq!(of("blk.12.ffn_down.weight"), "model.layers.12.mlp.down_proj.weight");
        assert_eq!(of("token_embd.weight"), "model.embed_tokens.weight");
        assert_eq!(of("blk.0.attn_q.bias"), "");
    }

    #[test]
    fn what_is_no_gguf_is_refused() {
        assert!(parts(b"GGML").is_err());
    }
}
