//! IDX, the format that MNIST was published in (Y. LeCun, "The MNIST database of handwritten digits", file formats): two zero bytes, the type
//! of the values, the number of dimensions, each extent as a big-endian 32-bit number, then the values, the last dimension fastest.
//!
//! Only unsigned bytes (type 8) are read.

use super::File;
use crate::data::dataset::{Layout, Target};
use crate::data::error::DataError;

/// The type of unsigned bytes.
const UNSIGNED_BYTE: u8 = 8;

/// Images and their labels, to train on and to test on.
#[derive(Debug, Clone, Copy)]
pub struct Part<'f> {
    /// Name and content of the images' file.
    pub images: (&'f str, &'f [u8]),
    /// Name and content of the labels' file.
    pub labels: (&'f str, &'f [u8]),
}

/// Images and labels to train on, images and labels to test on: four files, as [`images`] reads them.
///
/// # Errors
/// As [`images`], or a file cannot be unpacked.
pub fn files(files: &[File], classes: &[&str]) -> Result<(Layout, Vec<f64>, Target), DataError> {
    let contents = files.iter().map(File::content).collect::<Result<Vec<_>, _>>()?;
    let of = |place: usize| (files[place].name.as_str(), contents[place].as_ref());
    images(Part { images: of(0), labels: of(1) }, Part { images: of(2), labels: of(3) }, classes)
}

/// One channel of pixels from 0 to 255. The rows of `train` come first, those of `test` are the published test rows. Without names the classes
/// are named by the labels, from 0 to the largest that occurs.
///
/// # Errors
/// A file is not in the format, or the two of a part differ in length, or the parts in the size of their images.
pub fn images(train: Part, test: Part, classes: &[&str]) -> Result<(Layout, Vec<f64>, Target), DataError> {
    let (mut shape, mut values, mut labels) = (None, Vec::new(), Vec::new());
    let mut published_train = 0;
    for part in [train, test] {
        let ([count, height, width], pixels) = array::<3>(part.images)?;
        let ([of_labels], places) = array::<1>(part.labels)?;
        if of_labels != count {
            let problem = format!("it has {of_labels} labels, but {} has {count} images", part.images.0);
            return Err(malformed(part.labels.0, problem));
        }
        let (first_height, first_width) = *shape.get_or_insert((height, width));
        if (height, width) != (first_height, first_width) {
            let problem = format!(
                "its images have {height} × {width} pixels, but those of {} {first_height} × {first_width}",
                train.images.0
            );
            return Err(malformed(part.images.0, problem));
        }
        published_train = labels.len();
        values.extend(pixels.iter().map(|pixel| f64::from(*pixel)));
        labels.extend(places.iter().map(|label| i64::from(*label)));
    }
    let (height, width) = shape.unwrap_or_default();
    let layout = Layout { published_train: Some(published_train), ..Layout::of(&[1, height, width]) };
    let names = if classes.is_empty() {
        (0..=labels.iter().copied().max().unwrap_or(0)).map(|label| label.to_string()).collect()
    } else {
        classes.iter().map(ToString::to_string).collect()
    };
    Ok((layout, values, Target::Classes { labels, names }))
}

/// The extents of an array with D dimensions, and its values.
fn array<'f, const D: usize>((name, bytes): (&str, &'f [u8])) -> Result<([usize; D], &'f [u8]), DataError> {
    let Some((&[0, 0, kind, dimensions], rest)) = bytes.split_first_chunk() else {
        return Err(malformed(
            name,
            "it does not begin as an IDX file: two zero bytes are expected".to_owned(),
        ));
    };
    if kind != UNSIGNED_BYTE || usize::from(dimensions) != D {
        let problem = format!(
            "it holds values of type {kind} in {dimensions} dimensions, but unsigned bytes (type 8) in {D} are expected"
        );
        return Err(malformed(name, problem));
    }
    let Some((header, values)) = rest.split_at_checked(4 * D) else {
        return Err(malformed(name, "it ends within its header".to_owned()));
    };
    let mut extents = [0; D];
    for (extent, bytes) in extents.iter_mut().zip(header.as_chunks().0) {
        *extent = u32::from_be_bytes(*bytes) as usize;
    }
    let expected = extents.iter().try_fold(1_usize, |product, extent| product.checked_mul(*extent));
    if expected != Some(values.len()) {
        let extents = extents.map(|extent| extent.to_string()).join(" × ");
        let problem = format!("its header says {extents} values, but {} bytes follow", values.len());
        return Err(malformed(name, problem));
    }
    Ok((extents, values))
}

fn malformed(file: &str, problem: String) -> DataError {
    DataError::Malformed { file: file.to_owned(), problem }
}

/// An IDX file of unsigned bytes, for tests.
#[cfg(test)]
pub fn file(extents: &[u32], values: &[u8]) -> Vec<u8> {
    let dimensions = u8::try_from(extents.len()).unwrap();
    let header = extents.iter().flat_map(|extent| extent.to_be_bytes());
    [0, 0, UNSIGNED_BYTE, dimensions].into_iter().chain(header).chain(values.iter().copied()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn decoded(files: [&[u8]; 4], classes: &[&str]) -> Result<(Layout, Vec<f64>, Target), String> {
        let train = Part { images: ("a", files[0]), labels: ("b", files[1]) };
        let test = Part { images: ("c", files[2]), labels: ("d", files[3]) };
        images(train, test, classes).map_err(|error| error.to_string())
    }

    #[test]
    fn both_parts_are_one_set_with_its_test_rows_last() {
        let (train, test) = (file(&[2, 1, 3], &[0, 1, 2, 253, 254, 255]), file(&[1, 1, 3], &[7, 8, 9]));
        let labels = [file(&[2], &[2, 0]), file(&[1], &[1])];
        let (layout, values, target) = decoded([&train, &labels[0], &test, &labels[1]], &[]).unwrap();
        assert_eq!(layout, Layout { published_train: Some(2), ..Layout::of(&[1, 1, 3]) });
        assert_eq!(values, [0.0, 1.0, 2.0, 253.0, 254.0, 255.0, 7.0, 8.0, 9.0]);
        let names = ["0", "1", "2"].map(str::to_owned).to_vec();
        assert_eq!(target, Target::Classes { labels: vec![2, 0, 1], names });
    }

    #[test]
    fn other_files_are_refused_with_what_is_wrong() {
        let (images, labels) = (file(&[1, 1, 2], &[0, 1]), file(&[1], &[0]));
        let of = |first: &[u8], second: &[u8]| {
            decoded([first, second, &images, &labels], &["a", "b"]).unwrap_err()
        };
        let whole = &images;
        for (first, told) in [
            (&b"\0"[..], "it does not begin as an IDX file: two zero bytes are expected"),
            (b"GIF89a", "it does not begin as an IDX file: two zero bytes are expected"),
            (&whole[..9], "it ends within its header"),
            (&whole[..17], "its header says 1 × 1 × 2 values, but 1 bytes follow"),
            (&[whole.as_slice(), &[0]].concat(), "its header says 1 × 1 × 2 values, but 3 bytes follow"),
            (
                &labels,
                "it holds values of type 8 in 1 dimensions, but unsigned bytes (type 8) in 3 are expected",
            ),
            (
                &file(&[u32::MAX, u32::MAX, u32::MAX], &[]),
                "its header says 4294967295 × 4294967295 × 4294967295 values, but 0 bytes follow",
            ),
        ] {
            assert_eq!(of(first, &labels), format!("a is malformed: {told}"));
        }
        assert_eq!(of(whole, &file(&[2], &[0, 0])), "b is malformed: it has 2 labels, but a has 1 images");
        let wide = file(&[1, 1, 3], &[0, 1, 2]);
        let told = "c is malformed: its images have 1 × 2 pixels, but those of a 1 × 3";
        assert_eq!(of(&wide, &labels), told);
    }
}
