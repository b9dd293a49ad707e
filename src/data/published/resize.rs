//! Images of one size: decoded, resized and cropped.
//!
//! The shorter side becomes `size` pixels, the longer one in proportion (rounded down); the middle square is kept. The filter is the triangle
//! (bilinear), as wide as a target pixel where the image shrinks: torchvision's `Resize(size, antialias=True)` and `CenterCrop(size)`. Deviation: nothing
//! is rounded to whole numbers in between, and the middle of an odd margin is rounded down.

use std::panic::catch_unwind;

use zune_jpeg::JpegDecoder;
use zune_jpeg::zune_core::bytestream::ZCursor;
use zune_jpeg::zune_core::colorspace::ColorSpace;
use zune_jpeg::zune_core::options::DecoderOptions;

/// The most pixels of an image: a file of a kilobyte may claim any number.
const MOST_PIXELS: usize = 100_000_000;

/// An image of three channels, 0 to 255, row by row with the channels of a pixel beside one another.
#[derive(Debug, Clone, PartialEq)]
pub struct Image {
    pub width: usize,
    pub height: usize,
    pub pixels: Vec<u8>,
}

/// Decodes PNG or JPEG, told apart by their first bytes. What is transparent shows its colour.
///
/// # Errors
/// The bytes are neither, are damaged, or claim too many pixels.
pub fn decode(bytes: &[u8]) -> Result<Image, String> {
    // Decoders are written for whole files: where a damaged one gets past their checks they panic.
    let image = catch_unwind(|| decode_unguarded(bytes))
        .unwrap_or_else(|_| Err("the decoder gave up on it: the file is damaged".to_owned()))?;
    let expected = image.width * image.height * 3;
    if image.pixels.len() != expected {
        return Err(format!("it has {} values, but its extents say {expected}", image.pixels.len()));
    }
    Ok(image)
}

fn decode_unguarded(bytes: &[u8]) -> Result<Image, String> {
    if bytes.starts_with(b"\x89PNG\r\n\x1a\n") {
        let extent = |at: usize| {
            let bytes = bytes.get(at..at + 4).and_then(|bytes| bytes.first_chunk());
            bytes.map_or(0, |bytes| u32::from_be_bytes(*bytes) as usize)
        };
        check_pixels(extent(16), extent(20))?;
        let bitmap = lodepng::decode24(bytes).map_err(|error| format!("it is no whole PNG: {error}"))?;
        let pixels = bitmap.buffer.iter().flat_map(|pixel| [pixel.r, pixel.g, pixel.b]).collect();
        return Ok(Image { width: bitmap.width, height: bitmap.height, pixels });
    }
    if bytes.starts_with(&[0xff, 0xd8]) {
        let failed = |error: zune_jpeg::errors::DecodeErrors| format!("it is no whole JPEG: {error:?}");
        let options = DecoderOptions::default().jpeg_set_out_colorspace(ColorSpace::RGB);
        let mut decoder = JpegDecoder::new_with_options(ZCursor::new(bytes), options);
        decoder.decode_headers().map_err(failed)?;
        let (width, height) = decoder.dimensions().unwrap_or_default();
        check_pixels(width, height)?;
        let pixels = decoder.decode().map_err(failed)?;
        return Ok(Image { width, height, pixels });
    }
    Err("it is neither PNG nor JPEG".to_owned())
}

fn check_pixels(width: usize, height: usize) -> Result<(), String> {
    match width.checked_mul(height) {
        Some(1..=MOST_PIXELS) => Ok(()),
        _ => Err(format!("it claims {width} × {height} pixels, but must have 1 to {MOST_PIXELS}")),
    }
}

/// The middle square of the resized image: for each channel `size` × `size` values from 0 to 255.
pub fn square(image: &Image, size: usize) -> Vec<f64> {
    let shorter = image.width.min(image.height);
    let (width, height) = (image.width * size / shorter, image.height * size / shorter);
    let across = weights(image.width, width, (width - size) / 2, size);
    let down = weights(image.height, height, (height - size) / 2, size);
    let mut planes = Vec::with_capacity(3 * size * size);
    for channel in 0..3 {
        // First across, of the rows that are needed, then down.
        let first = down[0].0;
        let last = down.iter().map(|(start, weights)| start + weights.len()).max().unwrap_or(first);
        let narrowed: Vec<f64> = (first..last)
            .flat_map(|y| {
                across.iter().map(move |(start, weights)| {
                    let value =
                        |i: usize| f64::from(image.pixels[(y * image.width + start + i) * 3 + channel]);
                    weights.iter().enumerate().map(|(i, weight)| weight * value(i)).sum::<f64>()
                })
            })
            .collect();
        for (start, weights) in &down {
            for x in 0..size {
                let value = |i: usize| narrowed[(start - first + i) * size + x];
                planes.push(weights.iter().enumerate().map(|(i, weight)| weight * value(i)).sum());
            }
        }
    }
    planes
}

/// For each of `count` target pixels from `offset` on, the first source pixel and the weights of those from it on, whose sum is 1.
#[expect(clippy::cast_precision_loss, reason = "extents of images are small")]
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "places within the image")]
fn weights(from: usize, to: usize, offset: usize, count: usize) -> Vec<(usize, Vec<f64>)> {
    let scale = from as f64 / to as f64;
    let support = scale.max(1.0);
    (offset..offset + count)
        .map(|target| {
            let centre = (target as f64 + 0.5) * scale;
            let start = (centre - support).floor().max(0.0) as usize;
            let end = ((centre + support).ceil() as usize).min(from);
            let triangle = |source: usize| (1.0 - ((source as f64 + 0.5 - centre) / support).abs()).max(0.0);
            let weights: Vec<f64> = (start..end).map(triangle).collect();
            let sum: f64 = weights.iter().sum();
            (start, weights.into_iter().map(|weight| weight / sum).collect())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gray(width: usize, height: usize, value: impl Fn(usize, usize) -> u8) -> Image {
        let pixels = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        let pixels = pixels.flat_map(|(x, y)| [value(x, y); 3]).collect();
        Image { width, height, pixels }
    }

    #[test]
    fn the_same_size_keeps_every_pixel() {
        let image = gray(3, 3, |x, y| u8::try_from(10 * y + x).unwrap());
        let expected: Vec<f64> = [0, 1, 2, 10, 11, 12, 20, 21, 22].map(f64::from).repeat(3);
        assert_eq!(square(&image, 3), expected);
    }

    #[test]
    fn the_middle_is_kept_and_values_are_interpolated() {
        // Twice as large: pixel centres at 1/4, 3/4, 5/4, 7/4 of the two source pixels with centres at 1/2 and 3/2.
        let image = gray(2, 2, |x, _| if x == 0 { 0 } else { 100 });
        let found = square(&image, 4);
        for row in found.chunks_exact(4) {
            let expected = [0.0, 25.0, 75.0, 100.0];
            assert!(row.iter().zip(expected).all(|(a, b)| (a - b).abs() < 1e-12), "{row:?}");
        }
        // Six pixels wide and two high: of the columns 2 and 3 the middle is made.
        let wide = gray(6, 2, |x, _| u8::try_from(x * 10).unwrap());
        assert_eq!(square(&wide, 2)[..2], [20.0, 30.0]);
        // Half as large: triangles of two source pixels to each side, weights 1 3 3 1 over 8 in the middle.
        let image = gray(8, 8, |x, _| if x == 3 { 80 } else { 0 });
        let row = &square(&image, 4)[..4];
        assert!((row[1] - 30.0).abs() < 1e-12 && (row[2] - 10.0).abs() < 1e-12, "{row:?}");
    }

    #[test]
    fn pixels_are_those_of_pillow() {
        #[derive(serde::Deserialize)]
        struct Reference {
            width: usize,
            height: usize,
            pixels: Vec<u8>,
            size: usize,
            square: Vec<f64>,
        }
        let reference = include_str!("../../../tests/data/reference_image.json");
        let reference: Reference = serde_json::from_str(reference).unwrap();
        let found = decode(include_bytes!("../../../tests/data/reference_image.jpg")).unwrap();
        assert_eq!((found.width, found.height), (reference.width, reference.height));
        // Decoders may round the cosine transform and the colours each by one.
        let apart = found.pixels.iter().zip(&reference.pixels).map(|(a, b)| a.abs_diff(*b)).max();
        assert!(apart <= Some(2), "{apart:?}");
        let exact = Image { pixels: reference.pixels, ..found };
        let found = square(&exact, reference.size);
        assert_eq!(found.len(), reference.square.len());
        // Pillow computes in single precision.
        assert!(found.iter().zip(&reference.square).all(|(a, b)| (a - b).abs() < 1e-3), "{found:?}");
    }

    #[test]
    fn claims_are_checked_before_memory_is_taken() {
        let mut png = lodepng::encode24(&[lodepng::RGB::new(1_u8, 2, 3)], 1, 1).unwrap();
        assert_eq!(decode(&png).unwrap(), Image { width: 1, height: 1, pixels: vec![1, 2, 3] });
        png[16..24].copy_from_slice(&[0x7f; 8]);
        assert!(decode(&png).unwrap_err().starts_with("it claims 2139062143 × 2139062143 pixels"));
        assert_eq!(decode(b"GIF89a").unwrap_err(), "it is neither PNG nor JPEG");
        assert!(decode(&[0xff, 0xd8, 0xff]).unwrap_err().starts_with("it is no whole JPEG"));
    }
}
