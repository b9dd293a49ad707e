//! Initial weights that a user gives in place of drawn ones: a safetensors file with the architecture's own tensor names, such as
//! torchvision's.

use std::collections::BTreeMap;
use std::path::PathBuf;

use safetensors::{Dtype, SafeTensors};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::architecture::Network;
use crate::files::sha256;
use crate::guard;

/// The largest file that is read, in bytes.
const LARGEST: u64 = 8 << 30;

/// What normalisations of PyTorch count and never use: such tensors are passed over.
const COUNTERS: &str = "num_batches_tracked";

/// A file of initial weights.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct WeightsFile {
    /// The file.
    pub path: PathBuf,
    /// The hash of its bytes.
    pub sha256: String,
}

impl WeightsFile {
    /// The file as it is now.
    ///
    /// # Errors
    /// A phrase: it cannot be read.
    pub fn find(path: PathBuf) -> Result<Self, String> {
        let bytes = guard::file::read(&path, LARGEST).map_err(|e| format!("{}: {e}", path.display()))?;
        Ok(Self { sha256: sha256(&bytes), path })
    }

    /// The values of every tensor of a network, in the order of its tensors.
    ///
    /// # Errors
    /// A phrase: the file cannot be read or is another by now; a tensor is missing, too many, or of another shape or type.
    pub fn values(&self, network: &Network) -> Result<Vec<Vec<f32>>, String> {
        let told = |message: String| format!("the weights {}: {message}", self.path.display());
        let bytes = guard::file::read(&self.path, LARGEST).map_err(|e| told(e.to_string()))?;
        if sha256(&bytes) != self.sha256 {
            return Err(told("the file has changed since the run began".to_owned()));
        }
        values(network, &bytes).map_err(told)
    }
}

fn values(network: &Network, bytes: &[u8]) -> Result<Vec<Vec<f32>>, String> {
    let file = SafeTensors::deserialize(bytes).map_err(|e| format!("this is no safetensors file: {e}"))?;
    let mut given: BTreeMap<String, _> =
        file.tensors().into_iter().filter(|(name, _)| !name.ends_with(COUNTERS)).collect();
    let of = |tensor: super::layer::TensorDef| {
        let name = &tensor.name;
        let view = given.remove(name).ok_or_else(|| format!("`{name}` {:?} is missing", tensor.shape))?;
        if view.dtype() != Dtype::F32 {
            return Err(format!("`{name}` is {:?}, but must be F32", view.dtype()));
        }
        if view.shape() != tensor.shape {
            return Err(format!("`{name}` is {:?}, but the network's is {:?}", view.shape(), tensor.shape));
        }
        let values: Vec<f32> = view.data().as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect();
        match values.iter().position(|v| !v.is_finite()) {
            Some(place) => Err(format!("`{name}` holds {} at index {place}", values[place])),
            None => Ok(values),
        }
    };
    let values = network.tensors().into_iter().map(of).collect::<Result<_, _>>()?;
    match given.keys().next() {
        Some(name) => Err(format!("the network has no tensor `{name}`")),
        None => Ok(values),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::bundle::Tensor;
    use crate::task::network::layer::{Layer, Linear};

    fn network() -> Network {
        Network { layers: vec![("fc".to_owned(), Layer::Linear(Linear::new(2, 1)))] }
    }

    fn read(tensors: &[(&str, Tensor)]) -> Result<Vec<Vec<f32>>, String> {
        let tensors: Vec<(String, Tensor)> =
            tensors.iter().map(|(name, tensor)| ((*name).to_owned(), tensor.clone())).collect();
        values(&network(), &Tensor::serialize_all(&tensors))
    }

    fn single(shape: &[usize], values: &[f64]) -> Tensor {
        Tensor::float32(shape.to_vec(), values.iter().copied())
    }

    #[test]
    fn tensors_are_found_by_name_whatever_their_order() {
        let order: Vec<String> = network().tensors().into_iter().map(|t| t.name).collect();
        let found = read(&[
            ("fc.weight", single(&[1, 2], &[1.0, 2.0])),
            ("fc.bias", single(&[1], &[3.0])),
            ("bn.num_batches_tracked", Tensor::int64(vec![1], &[7])),
        ]);
        let found: BTreeMap<String, Vec<f32>> = order.into_iter().zip(found.unwrap()).collect();
        assert_eq!((&found["fc.weight"], &found["fc.bias"]), (&vec![1.0, 2.0], &vec![3.0]));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let bias = ("fc.bias", single(&[1], &[3.0]));
        let weight = |shape: &[usize]| ("fc.weight", single(shape, &vec![1.0; shape.iter().product()]));
        let table = [
            (read(std::slice::from_ref(&bias)), "`fc.weight` [1, 2] is missing"),
            (read(&[bias.clone(), weight(&[2, 1])]), "`fc.weight` is [2, 1], but the network's is [1, 2]"),
            (
                read(&[bias.clone(), weight(&[1, 2]), ("fc2.bias", single(&[1], &[1.0]))]),
                "the network has no tensor `fc2.bias`",
            ),
            (
                read(&[("fc.bias", Tensor::float64(vec![1], &[1.0])), weight(&[1, 2])]),
                "`fc.bias` is F64, but must be F32",
            ),
            (
                read(&[("fc.bias", single(&[1], &[f64::NAN])), weight(&[1, 2])]),
                "`fc.bias` holds NaN at index 0",
            ),
        ];
        for (found, expected) in table {
            assert_eq!(found.unwrap_err(), expected);
        }
        assert!(values(&network(), b"no weights").unwrap_err().starts_with("this is no safetensors file"));
    }
}
