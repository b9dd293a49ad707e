//! Numbers to and from safetensors files of one tensor each, little-endian and row-major.

use std::path::Path;

use safetensors::SafeTensors;
use safetensors::tensor::{TensorView, serialize};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::manifest::Role;
use crate::data::dataset::bytes;
use crate::data::error::DataError;
use crate::guard::file;

/// The type of a tensor's elements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TensorDtype {
    /// IEEE 754 double precision.
    Float64,
    /// IEEE 754 single precision.
    Float32,
    /// Signed 64-bit integers.
    Int64,
    /// Bytes.
    Uint8,
}

impl TensorDtype {
    fn safetensors(self) -> safetensors::Dtype {
        match self {
            Self::Float64 => safetensors::Dtype::F64,
            Self::Float32 => safetensors::Dtype::F32,
            Self::Int64 => safetensors::Dtype::I64,
            Self::Uint8 => safetensors::Dtype::U8,
        }
    }
}

/// A tensor in memory.
#[derive(Debug, Clone)]
pub struct Tensor {
    /// The type of its elements.
    pub dtype: TensorDtype,
    /// Its extent in each dimension, outermost first.
    pub shape: Vec<usize>,
    /// Its elements.
    pub data: Vec<u8>,
}

impl Tensor {
    /// A tensor of double-precision numbers.
    pub fn float64(shape: Vec<usize>, values: &[f64]) -> Self {
        Self { dtype: TensorDtype::Float64, shape, data: bytes(values, f64::to_le_bytes) }
    }

    /// A tensor of numbers that are rounded to single precision.
    #[expect(clippy::cast_possible_truncation, reason = "rounding is what is asked for")]
    pub fn float32(shape: Vec<usize>, values: impl IntoIterator<Item = f64>) -> Self {
        let data = values.into_iter().flat_map(|value| (value as f32).to_le_bytes()).collect();
        Self { dtype: TensorDtype::Float32, shape, data }
    }

    /// A tensor of integers.
    pub fn int64(shape: Vec<usize>, values: &[i64]) -> Self {
        Self { dtype: TensorDtype::Int64, shape, data: bytes(values, i64::to_le_bytes) }
    }

    /// A vector of bytes.
    pub fn uint8(data: Vec<u8>) -> Self {
        Self { dtype: TensorDtype::Uint8, shape: vec![data.len()], data }
    }

    /// The bytes of a safetensors file of some tensors.
    pub fn serialize_all(tensors: &[(String, Self)]) -> Vec<u8> {
        let views = tensors.iter().map(|(name, tensor)| (name, tensor.view()));
        serialize(views, None).expect("names differ, and a header of some hundred tensors is small")
    }

    /// The bytes of a safetensors file that holds it under a name.
    pub fn serialize(&self, name: &str) -> Vec<u8> {
        serialize([(name, self.view())], None).expect("a header of one tensor is small")
    }

    fn view(&self) -> TensorView<'_> {
        let view = TensorView::new(self.dtype.safetensors(), self.shape.clone(), &self.data);
        view.expect("the data was made for this shape")
    }
}

/// What can be read from a tensor.
pub trait Element: Sized {
    /// Which elements these are, for messages.
    const WANTED: &'static str;
    /// The elements, if the type is one that can be read as this one without loss.
    fn from_bytes(dtype: TensorDtype, data: &[u8]) -> Option<Vec<Self>>;
}

fn elements<T, const N: usize>(data: &[u8], from_bytes: impl Fn([u8; N]) -> T) -> Vec<T> {
    data.as_chunks().0.iter().map(|chunk| from_bytes(*chunk)).collect()
}

impl Element for f64 {
    const WANTED: &'static str = "float64 or float32";
    fn from_bytes(dtype: TensorDtype, data: &[u8]) -> Option<Vec<Self>> {
        match dtype {
            TensorDtype::Float64 => Some(elements(data, f64::from_le_bytes)),
            TensorDtype::Float32 => Some(elements(data, |chunk| f64::from(f32::from_le_bytes(chunk)))),
            TensorDtype::Int64 | TensorDtype::Uint8 => None,
        }
    }
}

impl Element for f32 {
    const WANTED: &'static str = "float32";
    fn from_bytes(dtype: TensorDtype, data: &[u8]) -> Option<Vec<Self>> {
        (dtype == TensorDtype::Float32).then(|| elements(data, f32::from_le_bytes))
    }
}

impl Element for u8 {
    const WANTED: &'static str = "uint8";
    fn from_bytes(dtype: TensorDtype, data: &[u8]) -> Option<Vec<Self>> {
        (dtype == TensorDtype::Uint8).then(|| data.to_vec())
    }
}

impl Element for i64 {
    const WANTED: &'static str = "int64";
    fn from_bytes(dtype: TensorDtype, data: &[u8]) -> Option<Vec<Self>> {
        (dtype == TensorDtype::Int64).then(|| elements(data, i64::from_le_bytes))
    }
}

/// Reads the tensor of a role, which has `dimensions` dimensions, from its file.
///
/// # Errors
/// The file cannot be read, is no safetensors file, or holds another tensor than the manifest says or is wanted.
pub fn read<T: Element>(
    path: &Path,
    name: &str,
    role: &Role,
    dimensions: usize,
) -> Result<Vec<T>, DataError> {
    let unlike = |found: String, wanted: String| DataError::Tensor { role: name.to_owned(), found, wanted };
    let describe = |dtype: &dyn std::fmt::Debug, shape: &[usize]| format!("{dtype:?} {shape:?}");
    let bytes = file::read(path, u64::MAX).map_err(DataError::io("read", path))?;
    let safetensors = |source| DataError::Safetensors { path: path.to_owned(), source };
    let file = SafeTensors::deserialize(&bytes).map_err(safetensors)?;
    let tensor = file.tensor(&role.tensor).map_err(safetensors)?;
    if (tensor.dtype(), tensor.shape()) != (role.dtype.safetensors(), role.shape.as_slice()) {
        let found = describe(&tensor.dtype(), tensor.shape());
        return Err(unlike(found, describe(&role.dtype.safetensors(), &role.shape)));
    }
    match T::from_bytes(role.dtype, tensor.data()) {
        Some(values) if role.shape.len() == dimensions => Ok(values),
        _ => Err(unlike(
            describe(&tensor.dtype(), &role.shape),
            format!("{} with {dimensions} dimensions", T::WANTED),
        )),
    }
}
