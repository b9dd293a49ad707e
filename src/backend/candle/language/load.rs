//! The tensors of a model's file, in the room that they were read into.
//!
//! The format is safetensors' (<https://github.com/huggingface/safetensors>): the length of a header, the header, which is JSON, the tensors'
//! bytes. Their bytes are read once, into one room of numbers, and every tensor is a view of it: nothing is copied, and no file is mapped
//! into memory, which would be `unsafe`.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::Read;
use std::path::Path;

use candle_core::{DType, Device, Error, Result, Tensor, bail};
use candle_nn::VarBuilder;
use ndarray::ArrayD;
use safetensors::Dtype;
use safetensors::tensor::{Metadata, TensorInfo};

use crate::backend::network::Weights;

/// What is no parameter though it is a number: older files hold masks and tables that transformers leaves unread.
const BUFFERS: [&str; 3] = [".attn.bias", ".attn.masked_bias", ".rotary_emb.inv_freq"];

/// The parameters of a model by name.
pub struct Parameters(BTreeMap<String, Tensor>);

impl Parameters {
    /// Those of a file.
    pub fn read(path: &Path) -> Result<Self> {
        let mut file = File::open(path)?;
        let mut length = [0; 8];
        file.read_exact(&mut length)?;
        let length = u64::from_le_bytes(length);
        if length > file.metadata()?.len() {
            bail!("{} is no safetensors file", path.display());
        }
        let mut header = vec![0; usize::try_from(length).map_err(Error::wrap)?];
        file.read_exact(&mut header)?;
        let header: Metadata = serde_json::from_slice(&header).map_err(Error::wrap)?;
        let mut room = vec![0_f32; header.data_len().div_ceil(size_of::<f32>())];
        file.read_exact(&mut bytemuck::cast_slice_mut(&mut room)[..header.data_len()])?;
        // The bytes of a file are little-endian. Where the machine's are not, they change places.
        if cfg!(target_endian = "big") {
            for number in &mut room {
                *number = f32::from_bits(number.to_bits().swap_bytes());
            }
        }
        let room = Tensor::new(room, &Device::Cpu)?;
        let mut tensors = BTreeMap::new();
        for (name, info) in header.tensors() {
            let number = matches!(info.dtype, Dtype::F32 | Dtype::F64 | Dtype::F16 | Dtype::BF16);
            if number && !BUFFERS.iter().any(|buffer| name.ends_with(buffer)) {
                let tensor = view(&room, info).map_err(|error| error.context(name.clone()))?;
                tensors.insert(name, tensor);
            }
        }
        Ok(Self(tensors))
    }

    /// Where candle's modules find them.
    pub fn builder(&self) -> VarBuilder<'static> {
        let tensors: HashMap<_, _> =
            self.0.iter().map(|(name, tensor)| (name.clone(), tensor.clone())).collect();
        VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)
    }

    /// The numbers of all, those among them that the model has no use for. The modules' tensors are these, not copies.
    pub fn weights(&self) -> Result<Weights> {
        self.0
            .iter()
            .map(|(name, tensor)| {
                let values = tensor.flatten_all()?.to_vec1()?;
                Ok((name.clone(), ArrayD::from_shape_vec(tensor.dims(), values).map_err(Error::wrap)?))
            })
            .collect()
    }

    /// The type of all of them.
    pub fn dtype(&self) -> DType {
        self.0.values().next().map_or(DType::F32, Tensor::dtype)
    }
}

/// A tensor where its file says that it lies.
fn view(room: &Tensor, info: &TensorInfo) -> Result<Tensor> {
    let (begin, end) = info.data_offsets;
    if info.dtype != Dtype::F32 {
        bail!("{:?} is not F32", info.dtype);
    }
    if begin % size_of::<f32>() != 0 {
        bail!("it begins at byte {begin}, which is no whole number of numbers");
    }
    room.narrow(0, begin / size_of::<f32>(), (end - begin) / size_of::<f32>())?.reshape(&info.shape[..])
}
