//! Scaled dot-product attention of several heads (Vaswani et al. 2017, "Attention Is All You Need", §3.2), from products of matrices and
//! candle's softmax of rows.

use candle_core::{Device, Result, Tensor};
use candle_nn::{Linear, Module, VarBuilder, linear, ops};

/// [rows, length, heads · width] as [rows, heads, length, width].
pub fn split(x: &Tensor, heads: usize) -> Result<Tensor> {
    let (rows, length, all) = x.dims3()?;
    x.reshape((rows, length, heads, all / heads))?.transpose(1, 2)?.contiguous()
}

/// [rows, heads, length, width] as [rows, length, heads · width].
pub fn join(x: &Tensor) -> Result<Tensor> {
    x.transpose(1, 2)?.flatten_from(2)
}

/// What each query finds: all are [rows, heads, length, width]; `mask` is added to the scores, [length of queries, length of keys] or with
/// rows and heads before. Where there are fewer heads of keys and values, several heads of queries share one (grouped-query attention,
/// Ainslie et al. 2023): their queries are stacked, so that nothing is repeated.
pub fn attend(queries: &Tensor, keys: &Tensor, values: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
    let (rows, heads, length, width) = queries.dims4()?;
    let groups = keys.dim(1)?;
    #[expect(clippy::cast_precision_loss, reason = "the width of a head")]
    let stacked = (queries * (width as f64).sqrt().recip())?.reshape((rows, groups, (), width))?;
    let mut scores = stacked.matmul(&keys.t()?)?;
    if let Some(mask) = mask {
        scores = scores.reshape((rows, heads, length, ()))?.broadcast_add(mask)?;
    }
    let shares = ops::softmax_last_dim(&scores)?.reshape((rows, groups, stacked.dim(2)?, ()))?;
    shares.matmul(values)?.reshape((rows, heads, length, width))
}

/// [length, length]: −∞ where the column is a later place than the row, else 0.
pub fn causal(length: usize) -> Result<Tensor> {
    let entry = |place: usize| if place % length > place / length { f32::NEG_INFINITY } else { 0.0 };
    let entries: Vec<f32> = (0..length * length).map(entry).collect();
    Tensor::from_vec(entries, (length, length), &Device::Cpu)
}

/// Attention of a text to itself, up to the layer that mixes the heads.
pub struct SelfAttention {
    heads: usize,
    projections: [Linear; 3],
}

impl SelfAttention {
    /// From the layers of queries, keys and values.
    pub fn load(vars: &VarBuilder<'_>, names: [&str; 3], hidden: usize, heads: usize) -> Result<Self> {
        let [query, key, value] = names.map(|name| linear(hidden, hidden, vars.pp(name)));
        Ok(Self { heads, projections: [query?, key?, value?] })
    }

    /// Of states [rows, length, hidden].
    pub fn forward(&self, x: &Tensor, mask: Option<&Tensor>) -> Result<Tensor> {
        let [queries, keys, values] = self.projections.each_ref().map(|p| split(&p.forward(x)?, self.heads));
        join(&attend(&queries?, &keys?, &values?, mask)?)
    }
}
