//! A walk over bytes in Thrift's compact protocol that keeps nothing of them: whether they end where they should, and hold what the format says.
//!
//! Source: the compact protocol's specification (Apache Thrift, `thrift-compact-protocol.md`). Polars goes by the number of a field and believes its
//! type, and reserves memory for as many elements as a list claims. So a known field must be of its type, numbers of fields ascend (none is there
//! twice), every element takes at least a byte that is there, and what no Parquet holds (lists of truth values, which readers skip differently) is
//! refused. Then polars walks the same way.

/// What a field holds, by the format.
#[derive(Debug, Clone, Copy)]
pub enum Shape {
    /// Anything: of a field that no reader knows.
    Any,
    Truth,
    Byte,
    /// A whole number of any width.
    Whole,
    /// Text or bytes.
    Text,
    List(&'static Shape),
    Struct(&'static Layout),
}

/// A struct of the format: the shapes of its fields, by their numbers.
#[derive(Debug)]
pub struct Layout {
    pub name: &'static str,
    pub fields: &'static [(i16, Shape)],
}

/// Structs and lists in one another: the format itself has six.
const DEEPEST: u8 = 32;

const LIST: u8 = 9;
const SET: u8 = 10;
const MAP: u8 = 11;
const STRUCT: u8 = 12;

/// Hears of each struct that begins, as its field 0, and of each whole number: name of the struct, number of the field, value.
pub type Hear<'h> = &'h mut dyn FnMut(&'static str, i16, i64) -> Result<(), String>;

/// Walks over one struct, and says how many bytes it takes.
///
/// # Errors
/// It does not end within the bytes, claims more than they hold, is not of its layout, or `hear` refuses.
pub fn walk(bytes: &[u8], layout: &'static Layout, hear: Hear) -> Result<usize, String> {
    let mut walk = Walk { left: bytes, hear };
    walk.fields(layout, DEEPEST)?;
    Ok(bytes.len() - walk.left.len())
}

struct Walk<'b, 'h> {
    left: &'b [u8],
    hear: Hear<'h>,
}

impl Walk<'_, '_> {
    fn byte(&mut self) -> Result<u8, String> {
        let (first, rest) = self.left.split_first().ok_or("it ends too early")?;
        self.left = rest;
        Ok(*first)
    }

    /// Seven bits a byte, the lowest first.
    fn varint(&mut self) -> Result<u64, String> {
        let mut value = 0_u64;
        for shift in (0..64).step_by(7) {
            let byte = self.byte()?;
            // Of the tenth byte one bit has a place.
            if shift == 63 && byte > 1 {
                break;
            }
            value |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(value);
            }
        }
        Err("a number of more than 64 bits".to_owned())
    }

    fn whole(&mut self) -> Result<i64, String> {
        let zigzag = self.varint()?;
        Ok((zigzag >> 1).cast_signed() ^ -(zigzag & 1).cast_signed())
    }

    fn skip(&mut self, length: u64) -> Result<(), String> {
        let rest = usize::try_from(length).ok().and_then(|n| self.left.get(n..));
        self.left =
            rest.ok_or_else(|| format!("it claims {length} bytes where {} are left", self.left.len()))?;
        Ok(())
    }

    /// How many elements there are of at least `width` bytes each.
    fn count(&mut self, claimed: u64, width: u64) -> Result<u64, String> {
        let left = self.left.len();
        // Readers keep the number in 31 bits.
        if claimed.saturating_mul(width) > left as u64 || i32::try_from(claimed).is_err() {
            return Err(format!("it claims {claimed} elements where {left} bytes are left"));
        }
        Ok(claimed)
    }

    fn fields(&mut self, layout: &'static Layout, depth: u8) -> Result<(), String> {
        (self.hear)(layout.name, 0, 0)?;
        let mut last = 0_i16;
        loop {
            let header = self.byte()?;
            let kind = header & 0x0f;
            if kind == 0 {
                return Ok(());
            }
            let number = match header >> 4 {
                0 => i16::try_from(self.whole()?).ok(),
                step => last.checked_add(i16::from(step)),
            };
            let number = number.filter(|number| *number > last).ok_or("its fields are out of order")?;
            last = number;
            let known = layout.fields.iter().find(|(of, _)| *of == number);
            let value = self.value(kind, known.map_or(Shape::Any, |(_, shape)| *shape), depth)?;
            if let Some(value) = value {
                (self.hear)(layout.name, number, value)?;
            }
        }
    }

    /// Walks over a value, and gives it where it is a whole number.
    fn value(&mut self, kind: u8, shape: Shape, depth: u8) -> Result<Option<i64>, String> {
        let depth = depth.checked_sub(1).ok_or("it is nested too deeply")?;
        let (is_of_shape, element, layout) = match shape {
            Shape::Any => (true, Shape::Any, &ANY),
            Shape::Truth => (matches!(kind, 1 | 2), Shape::Any, &ANY),
            Shape::Byte => (kind == 3, Shape::Any, &ANY),
            Shape::Whole => (matches!(kind, 4..=6), Shape::Any, &ANY),
            Shape::Text => (kind == 8, Shape::Any, &ANY),
            Shape::List(element) => (kind == LIST, *element, &ANY),
            Shape::Struct(layout) => (kind == STRUCT, Shape::Any, layout),
        };
        if !is_of_shape {
            return Err(format!("a value of type {kind} where the format has {shape:?}"));
        }
        match kind {
            // The type of a field is its value.
            1 | 2 => {}
            3 => self.skip(1)?,
            4..=6 => return self.whole().map(Some),
            7 => self.skip(8)?,
            8 => {
                let length = self.varint()?;
                self.skip(length)?;
            }
            LIST | SET => {
                let header = self.byte()?;
                let claimed = if header >> 4 == 15 { self.varint()? } else { u64::from(header >> 4) };
                for _ in 0..self.count(claimed, 1)? {
                    self.element(header & 0x0f, element, depth)?;
                }
            }
            MAP => {
                let claimed = self.varint()?;
                let kinds = if claimed == 0 { 0 } else { self.byte()? };
                for _ in 0..self.count(claimed, 2)? {
                    self.element(kinds >> 4, Shape::Any, depth)?;
                    self.element(kinds & 0x0f, Shape::Any, depth)?;
                }
            }
            STRUCT => self.fields(layout, depth)?,
            _ => return Err(format!("{kind} is no type")),
        }
        Ok(None)
    }

    fn element(&mut self, kind: u8, shape: Shape, depth: u8) -> Result<(), String> {
        if matches!(kind, 1 | 2) {
            return Err("a list of truth values, which the format does not have".to_owned());
        }
        self.value(kind, shape, depth).map(drop)
    }
}

/// A struct that no reader knows.
static ANY: Layout = Layout { name: "", fields: &[] };

#[cfg(test)]
mod tests {
    use super::*;

    static INNER: Layout = Layout { name: "inner", fields: &[(1, Shape::Whole)] };
    static OUTER: Layout = Layout {
        name: "outer",
        fields: &[
            (1, Shape::Text),
            (2, Shape::List(&Shape::Struct(&INNER))),
            (3, Shape::Truth),
            (4, Shape::Whole),
        ],
    };

    fn said(bytes: &[u8]) -> String {
        walk(bytes, &OUTER, &mut |_, _, _| Ok(())).map_or_else(|error| error, |length| length.to_string())
    }

    #[test]
    fn what_is_there_is_heard_and_what_follows_is_left() {
        // 1: "ab", 2: [{1: -1}, {}], 3: true, 4: 300, 6: {1: 2.0}, 7: {1: 2}, 40: [1, 2]
        let mut bytes = vec![0x18, 2, b'a', b'b', 0x19, 0x2c, 0x15, 1, 0, 0, 0x11, 0x15, 0xd8, 0x04];
        bytes
            .extend([0x2c, 0x17, 0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0x1b, 1, 0x33, 1, 2, 0x09, 80, 0x23, 1, 2, 0]);
        let mut heard = Vec::new();
        let length = walk(&[&bytes[..], &[9, 9]].concat(), &OUTER, &mut |name, field, value| {
            heard.push((name, field, value));
            Ok(())
        });
        assert_eq!(length, Ok(bytes.len()));
        let expected = [
            ("outer", 0, 0),
            ("inner", 0, 0),
            ("inner", 1, -1),
            ("inner", 0, 0),
            ("outer", 4, 300),
            ("", 0, 0),
        ];
        assert_eq!(heard, expected);
        for cut in 0..bytes.len() {
            let error = said(&bytes[..cut]);
            assert!(error.parse::<usize>().is_err(), "{cut} bytes: {error}");
        }
    }

    #[test]
    fn claims_beyond_the_bytes_are_refused() {
        let claims = |what: &str, left: usize| format!("it claims {what} where {left} bytes are left");
        let text = |bytes: &[u8]| said(bytes).replace(" are left", " bytes are left");
        assert_eq!(text(&[0x18, 5, b'a', 0]), claims("5 bytes", 2));
        assert_eq!(text(&[0x18, 0xff, 0xff, 0xff, 0xff, 0x0f, 0]), claims("4294967295 bytes", 1));
        assert_eq!(said(&[0x29, 0xfc, 3, 0, 0]), claims("3 elements", 2));
        assert_eq!(said(&[0x29, 0xfc, 0xff, 0xff, 0xff, 0xff, 0x07, 0]), claims("2147483647 elements", 1));
        assert_eq!(said(&[0x5a, 0x3c, 0, 0]), claims("3 elements", 2), "a set");
        assert_eq!(said(&[0x5b, 2, 0x33, 1, 1, 1]), claims("2 elements", 3), "a map of two pairs");
        let beyond = [[0x18].as_slice(), &[0xff; 9], &[2]].concat();
        assert_eq!(said(&beyond), "a number of more than 64 bits");
        assert_eq!(said(&[0x18, 0xff, 0xff]), "it ends too early");
    }

    #[test]
    fn what_readers_would_take_for_something_else_is_refused() {
        assert_eq!(said(&[0x28, 0, 0]), "a value of type 8 where the format has List(Struct(Layout { name: \"inner\", fields: [(1, Whole)] }))".to_owned());
        assert_eq!(said(&[0x35, 0, 0]), "a value of type 5 where the format has Truth");
        assert!(said(&[0x29, 0x15, 0, 0]).starts_with("a value of type 5"), "a number in place of a struct");
        assert_eq!(said(&[0x29, 0, 0]), "3", "the type of no elements says nothing");
        assert_eq!(said(&[0x59, 0x11, 1, 0]), "a list of truth values, which the format does not have");
        assert_eq!(said(&[0x45, 2, 0x05, 2, 2, 0]), "its fields are out of order");
        assert_eq!(
            said(&[0x45, 2, 0x05, 0x88, 0x80, 0x08, 2, 0]),
            "its fields are out of order",
            "65 540 is not 4"
        );
        assert_eq!(said(&[0x5d, 0]), "13 is no type");
        let nested = |depth: usize| [[0x5c].as_slice(), &vec![0x1c; depth - 1], &vec![0; depth + 1]].concat();
        assert_eq!(said(&nested(32)), nested(32).len().to_string());
        assert_eq!(said(&nested(33)), "it is nested too deeply");
        let lists = |depth: usize| [[0x59].as_slice(), &vec![0x19; depth], &[0x13, 0, 0]].concat();
        assert_eq!(said(&lists(30)), lists(30).len().to_string());
        assert_eq!(said(&lists(1_000_000)), "it is nested too deeply");
    }
}
