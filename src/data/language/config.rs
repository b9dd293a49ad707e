//! What a language model is, read from Hugging Face's `config.json`.
//!
//! Only what the six architectures' reference implementations (transformers) compute by their defaults is taken: another activation, relative
//! positions, scaled rotary embeddings or biases where there are none by default are refused by name, never ignored.

use serde_json::Value;

/// An architecture, under the name of its `model_type`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Architecture {
    /// J. Devlin et al. (2019), BERT: pre-training of deep bidirectional transformers for language understanding.
    Bert,
    /// V. Sanh et al. (2019), DistilBERT, a distilled version of BERT.
    DistilBert,
    /// Y. Liu et al. (2019), RoBERTa: a robustly optimized BERT pretraining approach.
    Roberta,
    /// Z. Lan et al. (2020), ALBERT: a lite BERT for self-supervised learning of language representations.
    Albert,
    /// A. Radford et al. (2019), Language models are unsupervised multitask learners.
    Gpt2,
    /// H. Touvron et al. (2023), LLaMA: open and efficient foundation language models.
    Llama,
}

impl Architecture {
    /// Every architecture.
    pub const ALL: [Self; 6] =
        [Self::Bert, Self::DistilBert, Self::Roberta, Self::Albert, Self::Gpt2, Self::Llama];

    /// Its `model_type`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bert => "bert",
            Self::DistilBert => "distilbert",
            Self::Roberta => "roberta",
            Self::Albert => "albert",
            Self::Gpt2 => "gpt2",
            Self::Llama => "llama",
        }
    }

    /// The class of transformers that has the tensors' names.
    pub fn class(self) -> &'static str {
        match self {
            Self::Bert => "BertModel",
            Self::DistilBert => "DistilBertModel",
            Self::Roberta => "RobertaModel",
            Self::Albert => "AlbertModel",
            Self::Gpt2 => "GPT2LMHeadModel",
            Self::Llama => "LlamaForCausalLM",
        }
    }

    /// Whether it predicts what follows a text; the others tell of a text as a whole.
    pub fn is_decoder(self) -> bool {
        matches!(self, Self::Gpt2 | Self::Llama)
    }
}

/// The function between the two linear layers of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Activation {
    /// GELU with the error function.
    Gelu,
    /// GELU by the hyperbolic tangent, `gelu_new`.
    GeluTanh,
    /// x · sigmoid(x).
    Silu,
}

/// What a model is.
#[derive(Debug, Clone, PartialEq)]
pub struct Config {
    /// The architecture.
    pub architecture: Architecture,
    /// The number of tokens.
    pub vocabulary: usize,
    /// The width of the hidden states.
    pub hidden: usize,
    /// ALBERT: the width of the embeddings; elsewhere that of the hidden states.
    pub embedding: usize,
    /// The number of blocks.
    pub layers: usize,
    /// The number of heads of queries.
    pub heads: usize,
    /// Llama: the number of heads of keys and values; elsewhere that of queries.
    pub key_value_heads: usize,
    /// The width of a head; Llama's need not be the hidden one's part.
    pub head_width: usize,
    /// The width between the two linear layers of a block.
    pub intermediate: usize,
    /// Rows of the table of positions, those that RoBERTa leaves to padding among them; Llama: the longest text.
    pub positions: usize,
    /// Kinds of segments; 0 where there is no table of them.
    pub segments: usize,
    /// What normalisations add to the variance.
    pub epsilon: f64,
    /// Llama: the base of the rotary embedding; elsewhere 0.
    pub rope_theta: f64,
    /// Whether the output layer is the table of tokens.
    pub tied: bool,
    /// The token that fills rows.
    pub pad: Option<i64>,
    /// The function between the linear layers.
    pub activation: Activation,
}

impl Config {
    /// Reads a `config.json`.
    ///
    /// # Errors
    /// A phrase: it is no JSON, of another architecture, lacks something, or asks for what is not computed here.
    pub fn read(text: &str) -> Result<Self, String> {
        let json: Value = serde_json::from_str(text).map_err(|e| format!("config.json is no JSON: {e}"))?;
        let keys = Keys(&json);
        let found = json["model_type"].as_str().unwrap_or_default();
        let architecture = Architecture::ALL.into_iter().find(|a| a.name() == found).ok_or_else(|| {
            let known = Architecture::ALL.map(Architecture::name).join(", ");
            format!("config.json has the model_type \"{found}\"; known: {known}")
        })?;
        let config = match architecture {
            Architecture::Bert | Architecture::Roberta | Architecture::Albert => {
                encoder(architecture, &keys)?
            }
            Architecture::DistilBert => distilbert(&keys)?,
            Architecture::Gpt2 => gpt2(&keys)?,
            Architecture::Llama => llama(&keys)?,
        };
        if architecture != Architecture::Llama && !config.hidden.is_multiple_of(config.heads) {
            let (hidden, heads) = (config.hidden, config.heads);
            return Err(format!("a width of {hidden} cannot be shared by {heads} heads"));
        }
        if config.key_value_heads == 0 || !config.heads.is_multiple_of(config.key_value_heads) {
            let (heads, of_keys) = (config.heads, config.key_value_heads);
            return Err(format!("{heads} heads cannot share {of_keys} heads of keys and values"));
        }
        Ok(config)
    }

    /// The longest text in tokens: RoBERTa begins to count after the place of padding.
    pub fn longest(&self) -> usize {
        match self.architecture {
            Architecture::Roberta => {
                let before = usize::try_from(self.pad.unwrap_or(0) + 1).unwrap_or(0);
                self.positions.saturating_sub(before)
            }
            _ => self.positions,
        }
    }
}

/// The keys of a `config.json`.
struct Keys<'a>(&'a Value);

impl Keys<'_> {
    fn count(&self, key: &str) -> Result<usize, String> {
        let found = &self.0[key];
        let count = found.as_u64().and_then(|n| usize::try_from(n).ok()).filter(|n| *n > 0);
        count.ok_or_else(|| format!("config.json has {key} = {found}, but it must be a number from 1"))
    }

    fn count_or(&self, key: &str, usual: usize) -> Result<usize, String> {
        if self.0[key].is_null() { Ok(usual) } else { self.count(key) }
    }

    fn number(&self, key: &str, usual: f64) -> Result<f64, String> {
        let found = &self.0[key];
        match (found, found.as_f64()) {
            (Value::Null, _) => Ok(usual),
            (_, Some(number)) if number > 0.0 => Ok(number),
            _ => Err(format!("config.json has {key} = {found}, but it must be a number above 0")),
        }
    }

    fn truth(&self, key: &str, usual: bool) -> bool {
        self.0[key].as_bool().unwrap_or(usual)
    }

    fn activation(&self, key: &str, usual: Activation) -> Result<Activation, String> {
        match self.0[key].as_str() {
            None => Ok(usual),
            Some("gelu") => Ok(Activation::Gelu),
            Some("gelu_new") => Ok(Activation::GeluTanh),
            Some("silu") => Ok(Activation::Silu),
            Some(other) => {
                Err(format!("config.json asks for the activation {other}; known: gelu, gelu_new, silu"))
            }
        }
    }

    /// Refuses a key with another value than the one that is computed.
    fn only(&self, key: &str, usual: &Value) -> Result<(), String> {
        let found = &self.0[key];
        if found.is_null() || found == usual {
            return Ok(());
        }
        Err(format!("config.json asks for {key} = {found}, which is not computed here; only {usual} is"))
    }

    fn pad(&self) -> Option<i64> {
        self.0["pad_token_id"].as_i64()
    }
}

fn encoder(architecture: Architecture, keys: &Keys<'_>) -> Result<Config, String> {
    keys.only("position_embedding_type", &"absolute".into())?;
    keys.only("is_decoder", &false.into())?;
    keys.only("inner_group_num", &1.into())?;
    keys.only("num_hidden_groups", &1.into())?;
    let (hidden, heads) = (keys.count("hidden_size")?, keys.count("num_attention_heads")?);
    let albert = architecture == Architecture::Albert;
    let usual = if albert { Activation::GeluTanh } else { Activation::Gelu };
    Ok(Config {
        architecture,
        vocabulary: keys.count("vocab_size")?,
        hidden,
        embedding: if albert { keys.count("embedding_size")? } else { hidden },
        layers: keys.count("num_hidden_layers")?,
        heads,
        key_value_heads: heads,
        head_width: hidden / heads,
        intermediate: keys.count("intermediate_size")?,
        positions: keys.count("max_position_embeddings")?,
        segments: keys.count_or("type_vocab_size", 2)?,
        epsilon: keys.number("layer_norm_eps", 1e-12)?,
        rope_theta: 0.0,
        tied: true,
        pad: keys.pad(),
        activation: keys.activation("hidden_act", usual)?,
    })
}

fn distilbert(keys: &Keys<'_>) -> Result<Config, String> {
    // The table of sinusoidal positions is a tensor of the file all the same.
    let (hidden, heads) = (keys.count("dim")?, keys.count("n_heads")?);
    Ok(Config {
        architecture: Architecture::DistilBert,
        vocabulary: keys.count("vocab_size")?,
        hidden,
        embedding: hidden,
        layers: keys.count("n_layers")?,
        heads,
        key_value_heads: heads,
        head_width: hidden / heads,
        intermediate: keys.count("hidden_dim")?,
        positions: keys.count("max_position_embeddings")?,
        segments: 0,
        epsilon: 1e-12,
        rope_theta: 0.0,
        tied: true,
        pad: keys.pad(),
        activation: keys.activation("activation", Activation::Gelu)?,
    })
}

fn gpt2(keys: &Keys<'_>) -> Result<Config, String> {
    keys.only("scale_attn_weights", &true.into())?;
    keys.only("scale_attn_by_inverse_layer_idx", &false.into())?;
    keys.only("reorder_and_upcast_attn", &false.into())?;
    keys.only("add_cross_attention", &false.into())?;
    let (hidden, heads) = (keys.count("n_embd")?, keys.count("n_head")?);
    Ok(Config {
        architecture: Architecture::Gpt2,
        vocabulary: keys.count("vocab_size")?,
        hidden,
        embedding: hidden,
        layers: keys.count("n_layer")?,
        heads,
        key_value_heads: heads,
        head_width: hidden / heads,
        intermediate: keys.count_or("n_inner", 4 * hidden)?,
        positions: keys.count("n_positions")?,
        segments: 0,
        epsilon: keys.number("layer_norm_epsilon", 1e-5)?,
        rope_theta: 0.0,
        tied: keys.truth("tie_word_embeddings", true),
        pad: keys.pad(),
        activation: keys.activation("activation_function", Activation::GeluTanh)?,
    })
}

fn llama(keys: &Keys<'_>) -> Result<Config, String> {
    keys.only("attention_bias", &false.into())?;
    keys.only("mlp_bias", &false.into())?;
    keys.only("rope_scaling", &Value::Null)?;
    let (hidden, heads) = (keys.count("hidden_size")?, keys.count("num_attention_heads")?);
    // Since transformers 5 the base stands among the parameters of the rotary embedding.
    let nested = Keys(&keys.0["rope_parameters"]);
    nested.only("rope_type", &"default".into())?;
    let rope_theta = nested.number("rope_theta", keys.number("rope_theta", 10_000.0)?)?;
    Ok(Config {
        architecture: Architecture::Llama,
        vocabulary: keys.count("vocab_size")?,
        hidden,
        embedding: hidden,
        layers: keys.count("num_hidden_layers")?,
        heads,
        key_value_heads: keys.count_or("num_key_value_heads", heads)?,
        head_width: keys.count_or("head_dim", hidden / heads)?,
        intermediate: keys.count("intermediate_size")?,
        positions: keys.count("max_position_embeddings")?,
        segments: 0,
        epsilon: keys.number("rms_norm_eps", 1e-6)?,
        rope_theta,
        tied: keys.truth("tie_word_embeddings", false),
        pad: keys.pad(),
        activation: keys.activation("hidden_act", Activation::Silu)?,
    })
}
