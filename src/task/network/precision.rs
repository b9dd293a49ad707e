//! The floating-point types in which networks compute.
//!
//! Weights are drawn in single precision. A framework that computes in bfloat16 rounds them once, as it does the features; the optimiser's
//! memory is of the same type, losses and logits are widened to single precision.

/// A floating-point type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precision {
    /// IEEE 754 binary32: 24 bits of significand.
    Float32,
    /// The upper half of a binary32: its exponents with 8 bits of significand.
    Bfloat16,
}

impl Precision {
    /// All of them; the first is the default.
    pub const ALL: [Self; 2] = [Self::Float32, Self::Bfloat16];

    /// The name in specs.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Float32 => "float32",
            Self::Bfloat16 => "bfloat16",
        }
    }

    /// The type of that name.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|precision| precision.name() == name)
    }

    /// The nearest number of the type, of two as near the even one: what the frameworks' casts do.
    pub fn round(self, value: f32) -> f32 {
        match self {
            Self::Bfloat16 if value.is_finite() => {
                let bits = value.to_bits();
                // Half of the last place, less one bit where that is even already; it may carry into the exponent, as it should.
                f32::from_bits((bits + 0x7FFF + ((bits >> 16) & 1)) & 0xFFFF_0000)
            }
            Self::Float32 | Self::Bfloat16 => value,
        }
    }

    /// One unit in its last place, in those of single precision.
    pub const fn unit(self) -> u32 {
        match self {
            Self::Float32 => 1,
            Self::Bfloat16 => 1 << 16,
        }
    }

    /// A value moved away from zero or towards it by a unit in the last place. One that is so small that it would reach zero stays.
    pub fn moved(self, value: f32, away: bool) -> f32 {
        // The bits, sign apart, count the magnitudes in ascending order.
        let bits = value.to_bits();
        match (bits & (u32::MAX >> 1) > self.unit(), away) {
            (false, _) => value,
            (true, true) => f32::from_bits(bits + self.unit()),
            (true, false) => f32::from_bits(bits - self.unit()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `torch.tensor(x).bfloat16().float()` of PyTorch 2.11.
    #[test]
    fn rounding_is_that_of_pytorch() {
        let table = [
            (0.0, 0.0),
            (-0.0, -0.0),
            (1.0, 1.0),
            // Between 1 and 1 + 2⁻⁷ in the middle, to the even one below; between the next two to the one above.
            (1.003_906_3, 1.0),
            (1.011_718_8, 1.015_625),
            (1.003_907, 1.007_812_5),
            (0.1, 0.100_097_656),
            (-0.3, -0.300_781_25),
            (1e-40, 9.183_55e-41),
            (255.9, 256.0),
            (f32::MAX, f32::INFINITY),
        ];
        for (value, rounded) in table {
            assert_eq!(Precision::Bfloat16.round(value).to_bits(), f32::to_bits(rounded), "{value}");
            assert_eq!(Precision::Float32.round(value).to_bits(), value.to_bits());
        }
        assert!(Precision::Bfloat16.round(f32::NAN).is_nan());
    }

    #[test]
    fn a_unit_in_the_last_place_is_one_of_its_own_type() {
        let single = |away| Precision::Float32.moved(-0.1, away).to_bits();
        let next = [(-0.1_f32).next_down(), (-0.1_f32).next_up()];
        assert_eq!([single(true), single(false)], next.map(f32::to_bits));
        let moved = |value, away| Precision::Bfloat16.round(Precision::Bfloat16.moved(value, away));
        for value in [1.003, 0.1, -0.3, 17.0, 1e-6] {
            let rounded = Precision::Bfloat16.round(value);
            let units = |x: f32| (x.to_bits() >> 16).abs_diff(rounded.to_bits() >> 16);
            assert_eq!([units(moved(value, true)), units(moved(value, false))], [1, 1], "{value}");
        }
        for precision in Precision::ALL {
            for least in [0.0, -1e-45] {
                assert_eq!(precision.moved(least, false).to_bits(), f32::to_bits(least));
            }
        }
    }
}
