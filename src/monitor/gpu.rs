//! Accelerators, by NVIDIA's management library, which is loaded when it is first needed: it is no dependency of the binary.
//!
//! Memory is that of the worker's own processes. Utilisation, power, temperature and energy are those of the whole device, so they count
//! only for devices on which the worker was seen.

use nvml_wrapper::Nvml;
use nvml_wrapper::enum_wrappers::device::TemperatureSensor;
use nvml_wrapper::enums::device::UsedGpuMemory;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::proc::Reading;

/// The devices of this machine.
pub struct Gpus(Nvml);

impl std::fmt::Debug for Gpus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Gpus")
    }
}

/// What was read of one device.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeviceReading {
    /// Its number.
    pub device: u32,
    /// Memory of the worker's processes on it; nothing where they are not on it.
    pub memory_bytes: Option<u64>,
    /// The share of the driver's last sample period in which something ran on it, in percent.
    pub utilisation_percent: Option<u32>,
    /// Its power in milliwatts.
    pub power_mw: Option<u32>,
    /// Its temperature in degrees Celsius.
    pub temperature_c: Option<u32>,
    /// The energy that it used since the driver was loaded, in millijoules.
    pub energy_mj: Option<u64>,
}

/// What a stretch of a trial used of the devices on which its processes were seen.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct GpuUsage {
    /// The devices, by number.
    pub devices: Vec<u32>,
    /// The most memory that the trial's processes held, in bytes.
    pub peak_memory_bytes: u64,
    /// The mean of the readings of the devices' utilisation, in percent.
    pub mean_utilisation_percent: Option<f64>,
    /// The mean of the readings of the devices' power together, in watts.
    pub mean_power_w: Option<f64>,
    /// The highest temperature, in degrees Celsius.
    pub peak_temperature_c: Option<u32>,
    /// The energy of the devices between the first and the last reading, in millijoules.
    pub energy_mj: Option<u64>,
}

impl Gpus {
    /// Loads the library.
    ///
    /// # Errors
    /// Why there is none, or no device.
    pub fn open() -> Result<Self, String> {
        let nvml = Nvml::init().map_err(|error| chain(&error))?;
        match nvml.device_count() {
            Ok(0) => Err("the driver knows no device".to_owned()),
            Ok(_) => Ok(Self(nvml)),
            Err(error) => Err(chain(&error)),
        }
    }

    /// Reads every device.
    pub fn read(&self, processes: &[u32]) -> Vec<DeviceReading> {
        let count = self.0.device_count().unwrap_or(0);
        let read = |number| {
            let device = self.0.device_by_index(number).ok()?;
            let own = device.running_compute_processes().unwrap_or_default();
            let own = own.iter().filter(|process| processes.contains(&process.pid));
            let memory = own.filter_map(|process| match process.used_gpu_memory {
                UsedGpuMemory::Used(bytes) => Some(bytes),
                UsedGpuMemory::Unavailable => None,
            });
            Some(DeviceReading {
                device: number,
                memory_bytes: memory.reduce(|a, b| a + b),
                utilisation_percent: device.utilization_rates().ok().map(|rates| rates.gpu),
                power_mw: device.power_usage().ok(),
                temperature_c: device.temperature(TemperatureSensor::Gpu).ok(),
                energy_mj: device.total_energy_consumption().ok(),
            })
        };
        (0..count).filter_map(read).collect()
    }
}

/// An error with its sources: the loader's own words say which file is missing.
fn chain(error: &dyn std::error::Error) -> String {
    let sources = std::iter::successors(error.source(), |error| error.source());
    sources.fold(error.to_string(), |text, source| {
        let source = source.to_string();
        if text.contains(&source) { text } else { format!("{text}: {source}") }
    })
}

/// What some readings tell of the devices on which the worker was seen; nothing where it was on none.
pub fn usage(readings: &[Reading]) -> Option<GpuUsage> {
    let all = || readings.iter().flat_map(|reading| &reading.gpu);
    let mut devices: Vec<u32> = all().filter(|d| d.memory_bytes.is_some()).map(|d| d.device).collect();
    devices.sort_unstable();
    devices.dedup();
    if devices.is_empty() {
        return None;
    }
    let used = || all().filter(|d| devices.contains(&d.device));
    let together = |reading: &Reading, of: fn(&DeviceReading) -> Option<u64>| {
        reading.gpu.iter().filter(|d| devices.contains(&d.device)).filter_map(of).reduce(|a, b| a + b)
    };
    let power: Vec<u64> =
        readings.iter().filter_map(|reading| together(reading, |d| d.power_mw.map(u64::from))).collect();
    let busy: Vec<u64> = used().filter_map(|d| d.utilisation_percent.map(u64::from)).collect();
    let energy = |reading: Option<&Reading>| together(reading?, |d| d.energy_mj);
    Some(GpuUsage {
        peak_memory_bytes: readings.iter().filter_map(|r| together(r, |d| d.memory_bytes)).max().unwrap_or(0),
        mean_utilisation_percent: mean(&busy),
        mean_power_w: mean(&power).map(|milliwatts| milliwatts / 1000.0),
        peak_temperature_c: used().filter_map(|d| d.temperature_c).max(),
        energy_mj: energy(readings.last())
            .zip(energy(readings.first()))
            .map(|(last, first)| last.saturating_sub(first)),
        devices,
    })
}

#[expect(clippy::cast_precision_loss, reason = "percent and milliwatts")]
fn mean(values: &[u64]) -> Option<f64> {
    (!values.is_empty()).then(|| values.iter().sum::<u64>() as f64 / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reading(gpu: Vec<DeviceReading>) -> Reading {
        Reading { gpu, ..Reading::default() }
    }

    #[test]
    fn only_devices_on_which_the_worker_was_seen_count() {
        let device = |device, memory_bytes, power, energy| DeviceReading {
            device,
            memory_bytes,
            utilisation_percent: Some(power / 1000),
            power_mw: Some(power),
            temperature_c: Some(30 + device),
            energy_mj: Some(energy),
        };
        let readings = [
            reading(vec![device(0, None, 60_000, 1000), device(1, None, 50_000, 9000)]),
            reading(vec![device(0, Some(7), 70_000, 1500), device(1, None, 90_000, 9999)]),
            reading(vec![device(0, Some(5), 80_000, 2200), device(1, None, 90_000, 9999)]),
        ];
        let expected = GpuUsage {
            devices: vec![0],
            peak_memory_bytes: 7,
            mean_utilisation_percent: Some(70.0),
            mean_power_w: Some(70.0),
            peak_temperature_c: Some(30),
            energy_mj: Some(1200),
        };
        assert_eq!(usage(&readings), Some(expected));
        assert_eq!(usage(&readings[..1]), None, "no device is no zero");
    }

    /// Where there is no driver the reason names the library; where there is one, its devices can be read.
    #[test]
    fn a_machine_without_a_driver_says_so() {
        match Gpus::open() {
            Err(reason) => assert!(!reason.is_empty()),
            Ok(gpus) => {
                let devices = gpus.read(&[]);
                assert!(!devices.is_empty());
                assert!(devices.iter().all(|d| d.memory_bytes.is_none()), "nobody is not on a device");
            }
        }
    }
}
