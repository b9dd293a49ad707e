//! The tensors of each architecture under Hugging Face's names, and how they are drawn where no weights are to be had.
//!
//! Drawn values follow the reference implementation's `_init_weights`: matrices and tables from a normal distribution of deviation 0.02 (GPT-2 divides that of
//! the projections into the residual stream by √(2 · layers)), biases 0, scales of normalisations 1, and the row of padding 0.

use super::config::{Architecture, Config};
use crate::data::random::{normal, stream};

/// The deviation of drawn matrices: the `initializer_range` of every architecture here.
const DEVIATION: f64 = 0.02;

/// A tensor of a model.
#[derive(Debug, Clone, PartialEq)]
pub struct TensorDef {
    /// Its name.
    pub name: String,
    /// Its extents, outermost first.
    pub shape: Vec<usize>,
    first: First,
}

/// Values that are drawn or set.
#[derive(Debug, Clone, Copy, PartialEq)]
enum First {
    Normal(f64),
    Zeros,
    Ones,
    /// As normal, with this row of zeros.
    Table(Option<i64>),
}

impl TensorDef {
    /// Values of its own: those of a seed, the same for the same name and shape on every machine of one kind of arithmetic.
    #[expect(clippy::cast_possible_truncation, reason = "weights are in single precision")]
    pub fn draw(&self, seed: u64, place: u64) -> Vec<f32> {
        let count = self.shape.iter().product();
        let mut rng = stream(seed, place);
        let mut drawn = |deviation: f64| (0..count).map(|_| (deviation * normal(&mut rng)) as f32).collect();
        match self.first {
            First::Zeros => vec![0.0; count],
            First::Ones => vec![1.0; count],
            First::Normal(deviation) => drawn(deviation),
            First::Table(pad) => {
                let mut values: Vec<f32> = drawn(DEVIATION);
                let width = self.shape[1];
                let row = pad.and_then(|row| usize::try_from(row).ok()).filter(|row| *row < self.shape[0]);
                if let Some(row) = row {
                    values[row * width..(row + 1) * width].fill(0.0);
                }
                values
            }
        }
    }
}

/// A list of tensors in the making.
struct List(Vec<TensorDef>);

impl List {
    fn add(&mut self, name: String, shape: &[usize], first: First) {
        self.0.push(TensorDef { name, shape: shape.to_vec(), first });
    }

    fn matrix(&mut self, name: &str, shape: [usize; 2]) {
        self.add(format!("{name}.weight"), &shape, First::Normal(DEVIATION));
    }

    /// A linear layer from `inputs` to `outputs`.
    fn linear(&mut self, name: &str, inputs: usize, outputs: usize) {
        self.matrix(name, [outputs, inputs]);
        self.add(format!("{name}.bias"), &[outputs], First::Zeros);
    }

    /// GPT-2's linear layer, whose matrix stands the other way round.
    fn convolution(&mut self, name: &str, inputs: usize, outputs: usize, deviation: f64) {
        self.add(format!("{name}.weight"), &[inputs, outputs], First::Normal(deviation));
        self.add(format!("{name}.bias"), &[outputs], First::Zeros);
    }

    fn normalisation(&mut self, name: &str, width: usize) {
        self.add(format!("{name}.weight"), &[width], First::Ones);
        self.add(format!("{name}.bias"), &[width], First::Zeros);
    }

    fn table(&mut self, name: &str, rows: usize, width: usize, pad: Option<i64>) {
        self.add(format!("{name}.weight"), &[rows, width], First::Table(pad));
    }
}

/// The tensors that the reference implementation computes with.
pub fn tensors(config: &Config) -> Vec<TensorDef> {
    let mut list = List(Vec::new());
    match config.architecture {
        Architecture::Bert | Architecture::Roberta => bert(config, &mut list),
        Architecture::Albert => albert(config, &mut list),
        Architecture::DistilBert => distilbert(config, &mut list),
        Architecture::Gpt2 => gpt2(config, &mut list),
        Architecture::Llama => llama(config, &mut list),
    }
    list.0
}

fn embeddings(config: &Config, list: &mut List) {
    let width = config.embedding;
    // RoBERTa leaves the position of padding at zero too.
    let still = if config.architecture == Architecture::Roberta { config.pad } else { None };
    list.table("embeddings.word_embeddings", config.vocabulary, width, config.pad);
    list.table("embeddings.position_embeddings", config.positions, width, still);
    if config.segments > 0 {
        list.table("embeddings.token_type_embeddings", config.segments, width, None);
    }
    list.normalisation("embeddings.LayerNorm", width);
}

fn bert(config: &Config, list: &mut List) {
    embeddings(config, list);
    let (width, between) = (config.hidden, config.intermediate);
    for layer in 0..config.layers {
        let at = |name: &str| format!("encoder.layer.{layer}.{name}");
        for part in ["query", "key", "value"] {
            list.linear(&at(&format!("attention.self.{part}")), width, width);
        }
        list.linear(&at("attention.output.dense"), width, width);
        list.normalisation(&at("attention.output.LayerNorm"), width);
        list.linear(&at("intermediate.dense"), width, between);
        list.linear(&at("output.dense"), between, width);
        list.normalisation(&at("output.LayerNorm"), width);
    }
}

/// One block of tensors, which all layers share.
fn albert(config: &Config, list: &mut List) {
    embeddings(config, list);
    let (width, between) = (config.hidden, config.intermediate);
    list.linear("encoder.embedding_hidden_mapping_in", config.embedding, width);
    let at = |name: &str| format!("encoder.albert_layer_groups.0.albert_layers.0.{name}");
    list.normalisation(&at("full_layer_layer_norm"), width);
    for part in ["query", "key", "value", "dense"] {
        list.linear(&at(&format!("attention.{part}")), width, width);
    }
    list.normalisation(&at("attention.LayerNorm"), width);
    list.linear(&at("ffn"), width, between);
    list.linear(&at("ffn_output"), between, width);
}

fn distilbert(config: &Config, list: &mut List) {
    let (width, between) = (config.hidden, config.intermediate);
    list.table("embeddings.word_embeddings", config.vocabulary, width, config.pad);
    list.table("embeddings.position_embeddings", config.positions, width, None);
    list.normalisation("embeddings.LayerNorm", width);
    for layer in 0..config.layers {
        let at = |name: &str| format!("transformer.layer.{layer}.{name}");
        for part in ["q_lin", "k_lin", "v_lin", "out_lin"] {
            list.linear(&at(&format!("attention.{part}")), width, width);
        }
        list.normalisation(&at("sa_layer_norm"), width);
        list.linear(&at("ffn.lin1"), width, between);
        list.linear(&at("ffn.lin2"), between, width);
        list.normalisation(&at("output_layer_norm"), width);
    }
}

#[expect(clippy::cast_precision_loss, reason = "a number of layers")]
fn gpt2(config: &Config, list: &mut List) {
    let (width, between) = (config.hidden, config.intermediate);
    let into_residual = DEVIATION / (2.0 * config.layers as f64).sqrt();
    list.matrix("transformer.wte", [config.vocabulary, width]);
    list.matrix("transformer.wpe", [config.positions, width]);
    for layer in 0..config.layers {
        let at = |name: &str| format!("transformer.h.{layer}.{name}");
        list.normalisation(&at("ln_1"), width);
        list.convolution(&at("attn.c_attn"), width, 3 * width, DEVIATION);
        list.convolution(&at("attn.c_proj"), width, width, into_residual);
        list.normalisation(&at("ln_2"), width);
        list.convolution(&at("mlp.c_fc"), width, between, DEVIATION);
        list.convolution(&at("mlp.c_proj"), between, width, into_residual);
    }
    list.normalisation("transformer.ln_f", width);
    output(config, list);
}

fn llama(config: &Config, list: &mut List) {
    let (width, between) = (config.hidden, config.intermediate);
    let of_queries = config.heads * config.head_width;
    let of_keys = config.key_value_heads * config.head_width;
    list.table("model.embed_tokens", config.vocabulary, width, None);
    for layer in 0..config.layers {
        let at = |name: &str| format!("model.layers.{layer}.{name}");
        list.add(at("input_layernorm.weight"), &[width], First::Ones);
        list.matrix(&at("self_attn.q_proj"), [of_queries, width]);
        list.matrix(&at("self_attn.k_proj"), [of_keys, width]);
        list.matrix(&at("self_attn.v_proj"), [of_keys, width]);
        list.matrix(&at("self_attn.o_proj"), [width, of_queries]);
        list.add(at("post_attention_layernorm.weight"), &[width], First::Ones);
        list.matrix(&at("mlp.gate_proj"), [between, width]);
        list.matrix(&at("mlp.up_proj"), [between, width]);
        list.matrix(&at("mlp.down_proj"), [width, between]);
    }
    list.add("model.norm.weight".to_owned(), &[width], First::Ones);
    output(config, list);
}

fn output(config: &Config, list: &mut List) {
    if !config.tied {
        list.matrix("lm_head", [config.vocabulary, config.hidden]);
    }
}
