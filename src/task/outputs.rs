//! The raw outputs of a trial: a safetensors file, whose tensors are checked as they are asked for.

use std::collections::BTreeMap;
use std::path::Path;

use ndarray::{Array1, Array2};
use safetensors::{Dtype, SafeTensors};

use super::TaskError;
use crate::guard::file::{self, LARGEST_OUTPUTS};

/// What a worker handed in. Nothing is trusted: every reading checks type, shape and finiteness.
#[derive(Debug, Default)]
pub struct Outputs(BTreeMap<String, Raw>);

#[derive(Debug)]
struct Raw {
    dtype: Dtype,
    shape: Vec<usize>,
    data: Vec<u8>,
}

impl Outputs {
    /// Reads a file of outputs.
    ///
    /// # Errors
    /// It is missing or no safetensors file.
    pub fn read(path: &Path) -> Result<Self, TaskError> {
        let unreadable =
            |message: String| TaskError::Unreadable { path: path.display().to_string(), message };
        let file = file::open_no_link(path, LARGEST_OUTPUTS).map_err(|e| unreadable(e.to_string()))?;
        let bytes = file::read_up_to(file, LARGEST_OUTPUTS).map_err(|e| unreadable(e.to_string()))?;
        let tensors = SafeTensors::deserialize(&bytes).map_err(|e| unreadable(e.to_string()))?;
        let raw = |view: safetensors::tensor::TensorView<'_>| Raw {
            dtype: view.dtype(),
            shape: view.shape().to_vec(),
            data: view.data().to_vec(),
        };
        Ok(Self(tensors.tensors().into_iter().map(|(name, view)| (name, raw(view))).collect()))
    }

    /// Whether there is a tensor of that name.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// The shape of a tensor, where it is for the implementation to say.
    ///
    /// # Errors
    /// There is none of that name.
    pub fn shape(&self, name: &'static str) -> Result<&[usize], TaskError> {
        Ok(&self.get(name)?.shape)
    }

    /// Finite numbers [length].
    ///
    /// # Errors
    /// The tensor is missing, of another type or shape, or not finite.
    pub fn vector(&self, name: &'static str, length: usize) -> Result<Array1<f64>, TaskError> {
        Ok(Array1::from(self.numbers(name, &[length])?))
    }

    /// Finite numbers [rows, columns].
    ///
    /// # Errors
    /// As [`Outputs::vector`].
    pub fn matrix(
        &self,
        name: &'static str,
        (rows, columns): (usize, usize),
    ) -> Result<Array2<f64>, TaskError> {
        let values = self.numbers(name, &[rows, columns])?;
        let fits = Array2::from_shape_vec((rows, columns), values);
        // An empty tensor may claim any extent in its other dimension, also one that no array can have.
        fits.map_err(|_| TaskError::Shape {
            name,
            found: format!("[{rows}, {columns}]"),
            expected: "a matrix that fits into memory".to_owned(),
        })
    }

    /// Finite numbers of any shape, row-major.
    ///
    /// # Errors
    /// As [`Outputs::vector`].
    pub fn numbers(&self, name: &'static str, shape: &[usize]) -> Result<Vec<f64>, TaskError> {
        let raw = self.typed(name, Dtype::F64, shape)?;
        let values: Vec<f64> = raw.data.as_chunks::<8>().0.iter().map(|b| f64::from_le_bytes(*b)).collect();
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(index) => Err(TaskError::NotFinite {
                name,
                count: values.iter().filter(|v| !v.is_finite()).count(),
                index,
            }),
        }
    }

    /// Labels [length], each in `allowed`.
    ///
    /// # Errors
    /// As [`Outputs::vector`], or a label is none of those allowed.
    pub fn labels(
        &self,
        name: &'static str,
        length: usize,
        allowed: std::ops::Range<i64>,
    ) -> Result<Vec<i64>, TaskError> {
        self.shaped_labels(name, &[length], allowed)
    }

    /// Labels of any shape, row-major, each in `allowed`.
    ///
    /// # Errors
    /// As [`Outputs::labels`].
    pub fn shaped_labels(
        &self,
        name: &'static str,
        shape: &[usize],
        allowed: std::ops::Range<i64>,
    ) -> Result<Vec<i64>, TaskError> {
        let raw = self.typed(name, Dtype::I64, shape)?;
        let values: Vec<i64> = raw.data.as_chunks::<8>().0.iter().map(|b| i64::from_le_bytes(*b)).collect();
        match values.iter().position(|v| !allowed.contains(v)) {
            None => Ok(values),
            Some(index) => Err(TaskError::Value {
                name,
                value: values[index].to_string(),
                index,
                expected: format!("labels from {} to {}", allowed.start, allowed.end - 1),
            }),
        }
    }

    fn typed(&self, name: &'static str, dtype: Dtype, shape: &[usize]) -> Result<&Raw, TaskError> {
        let raw = self.get(name)?;
        if raw.dtype == dtype && raw.shape == shape {
            return Ok(raw);
        }
        let (found, expected) = (format!("{:?} {:?}", raw.dtype, raw.shape), format!("{dtype:?} {shape:?}"));
        Err(TaskError::Shape { name, found, expected })
    }

    fn get(&self, name: &'static str) -> Result<&Raw, TaskError> {
        self.0.get(name).ok_or(TaskError::Missing { name })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::backend::Tensor;

    fn outputs() -> Outputs {
        let folder = tempfile::tempdir().unwrap();
        let tensors = [
            ("numbers", Tensor::from(ndarray::array![[1.0, 2.0], [3.0, 4.0]])),
            ("holes", Tensor::from(ndarray::array![1.0, f64::NAN, f64::INFINITY])),
            ("labels", Tensor::from(vec![0, 2, -1])),
        ];
        let path = folder.path().join("outputs.safetensors");
        std::fs::write(&path, crate::backend::serialize(&tensors).unwrap()).unwrap();
        Outputs::read(&path).unwrap()
    }

    #[test]
    fn what_fits_is_read() {
        let outputs = outputs();
        assert_eq!(outputs.matrix("numbers", (2, 2)).unwrap(), ndarray::array![[1.0, 2.0], [3.0, 4.0]]);
        assert_eq!(outputs.labels("labels", 3, -1..3).unwrap(), [0, 2, -1]);
        assert_eq!(outputs.shape("holes").unwrap(), [3]);
        assert!(outputs.has("labels") && !outputs.has("label"));
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        let outputs = outputs();
        let errors = [
            outputs.vector("holes", 3).unwrap_err(),
            outputs.vector("holes", 2).unwrap_err(),
            outputs.matrix("numbers", (4, 1)).unwrap_err(),
            outputs.vector("labels", 3).unwrap_err(),
            outputs.labels("labels", 3, 0..3).unwrap_err(),
            outputs.vector("number", 3).unwrap_err(),
        ];
        let texts = errors.map(|error| error.to_string());
        assert_eq!(
            texts,
            [
                "the output `holes` holds 2 values that are not finite, the first at index 1",
                "the output `holes` is F64 [3], but must be F64 [2]",
                "the output `numbers` is F64 [2, 2], but must be F64 [4, 1]",
                "the output `labels` is I64 [3], but must be F64 [3]",
                "the output `labels` holds -1 at index 2, but must hold labels from 0 to 2",
                "the outputs hold no tensor `number`",
            ]
        );
        let none = Outputs::read(Path::new("/nowhere")).unwrap_err();
        assert!(none.to_string().starts_with("the outputs /nowhere cannot be read"), "{none}");
    }
}
