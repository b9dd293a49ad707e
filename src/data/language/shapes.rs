//! Shapes of published models whose weights no registry holds: their `config.json`, for weights that are drawn from a seed.
//!
//! What such a model answers is meaningless; that two implementations give the same, and what it costs them, is not. Encoders get the WordPiece
//! vocabulary of MiniLM, because RoBERTa's and ALBERT's own are in no registry either; so the number of tokens, and padding, are that vocabulary's.

use serde_json::{Value, json};

use super::config::Architecture;

/// A shape.
#[derive(Debug)]
pub struct Shape {
    /// The name in specs.
    pub name: &'static str,
    /// The architecture.
    pub architecture: Architecture,
    width: usize,
    layers: usize,
    heads: usize,
    positions: usize,
}

/// The tokens of MiniLM's vocabulary, and the place of padding in it.
const WORD_PIECES: usize = 30_522;
/// The tokens of GPT-2's vocabulary.
const BYTE_PAIRS: usize = 50_257;
/// The width of ALBERT's embeddings.
const ALBERTS_EMBEDDING: usize = 128;

const fn shape(
    name: &'static str,
    architecture: Architecture,
    [width, layers, heads, positions]: [usize; 4],
) -> Shape {
    Shape { name, architecture, width, layers, heads, positions }
}

/// Every shape, as its paper or its published `config.json` has it; those whose names end in `tiny` are nobody's, for trying things out.
pub static SHAPES: &[Shape] = &[
    shape("bert_base", Architecture::Bert, [768, 12, 12, 512]),
    shape("bert_tiny", Architecture::Bert, [64, 2, 4, 512]),
    shape("distilbert_base", Architecture::DistilBert, [768, 6, 12, 512]),
    shape("distilbert_tiny", Architecture::DistilBert, [64, 2, 4, 512]),
    shape("roberta_base", Architecture::Roberta, [768, 12, 12, 514]),
    shape("roberta_tiny", Architecture::Roberta, [64, 2, 4, 514]),
    shape("albert_base", Architecture::Albert, [768, 12, 12, 512]),
    shape("albert_tiny", Architecture::Albert, [64, 2, 4, 512]),
    shape("gpt2", Architecture::Gpt2, [768, 12, 12, 1024]),
    shape("gpt2_medium", Architecture::Gpt2, [1024, 24, 16, 1024]),
    shape("gpt2_large", Architecture::Gpt2, [1280, 36, 20, 1024]),
    shape("gpt2_tiny", Architecture::Gpt2, [64, 2, 4, 1024]),
    shape("llama_tiny", Architecture::Llama, [64, 2, 4, 1024]),
];

/// The shape of that name.
pub fn find(name: &str) -> Option<&'static Shape> {
    SHAPES.iter().find(|shape| shape.name == name)
}

impl Shape {
    /// Its `config.json`.
    pub fn config(&self) -> Value {
        let common = json!({
            "architectures": [self.architecture.class()],
            "model_type": self.architecture.name(),
            "initializer_range": 0.02,
        });
        let own = match self.architecture {
            Architecture::Bert | Architecture::Roberta => self.encoder(),
            Architecture::Albert => self.albert(),
            Architecture::DistilBert => json!({
                "vocab_size": WORD_PIECES, "dim": self.width, "n_layers": self.layers, "n_heads": self.heads,
                "hidden_dim": 4 * self.width, "max_position_embeddings": self.positions, "activation": "gelu",
                "sinusoidal_pos_embds": false, "pad_token_id": 0,
            }),
            // No token of GPT-2's ends or fills a text but `<|endoftext|>`, the last one.
            Architecture::Gpt2 => json!({
                "vocab_size": BYTE_PAIRS, "n_embd": self.width, "n_layer": self.layers, "n_head": self.heads,
                "n_positions": self.positions, "layer_norm_epsilon": 1e-5, "activation_function": "gelu_new",
                "bos_token_id": BYTE_PAIRS - 1, "eos_token_id": BYTE_PAIRS - 1,
            }),
            Architecture::Llama => json!({
                "vocab_size": BYTE_PAIRS, "hidden_size": self.width, "num_hidden_layers": self.layers,
                "num_attention_heads": self.heads, "num_key_value_heads": self.heads / 2,
                "intermediate_size": 3 * self.width, "max_position_embeddings": self.positions,
                "rms_norm_eps": 1e-5, "rope_theta": 10_000.0, "hidden_act": "silu", "tie_word_embeddings": true,
                "bos_token_id": BYTE_PAIRS - 1, "eos_token_id": BYTE_PAIRS - 1,
            }),
        };
        merged(common, own)
    }

    fn encoder(&self) -> Value {
        json!({
            "vocab_size": WORD_PIECES, "hidden_size": self.width, "num_hidden_layers": self.layers,
            "num_attention_heads": self.heads, "intermediate_size": 4 * self.width,
            "max_position_embeddings": self.positions, "hidden_act": "gelu", "pad_token_id": 0,
            // RoBERTa has one kind of segments.
            "type_vocab_size": if self.architecture == Architecture::Roberta { 1 } else { 2 },
            "layer_norm_eps": if self.architecture == Architecture::Roberta { 1e-5 } else { 1e-12 },
        })
    }

    fn albert(&self) -> Value {
        let own = json!({
            "embedding_size": ALBERTS_EMBEDDING.min(self.width), "hidden_act": "gelu_new",
            "num_hidden_groups": 1, "inner_group_num": 1,
        });
        merged(self.encoder(), own)
    }
}

/// The keys of both, the second's first.
fn merged(mut all: Value, own: Value) -> Value {
    if let (Value::Object(all), Value::Object(own)) = (&mut all, own) {
        all.extend(own);
    }
    all
}
