//! The faults of the suite: how each is injected, and the row that it must end in.

/// One fault of `tests/adapters/misbehaving`.
#[derive(Debug, Clone, Copy)]
pub struct Fault {
    /// The adapter's setting.
    pub name: &'static str,
    /// What the worker does.
    pub how: &'static str,
    /// The status of its row.
    pub status: &'static str,
    /// What the row's reason must hold.
    pub reason: &'static [&'static str],
    /// What the trial's log must hold.
    pub log: &'static [&'static str],
    /// Why the pair is not comparable though the trials worked, where the machine has more CPUs than one.
    pub refused: &'static [&'static str],
    /// Whether the row needs a control group. Without one the memory limit is each process's own, and the trial times out.
    pub needs_group: bool,
}

const PLAIN: Fault =
    Fault { name: "", how: "", status: "ok", reason: &[], log: &[], refused: &[], needs_group: false };

const fn ok(name: &'static str, how: &'static str, log: &'static [&'static str]) -> Fault {
    Fault { name, how, log, ..PLAIN }
}

const fn failed(name: &'static str, how: &'static str, reason: &'static [&'static str]) -> Fault {
    Fault { name, how, status: "failed", reason, ..PLAIN }
}

const fn crashed(name: &'static str, how: &'static str, reason: &'static [&'static str]) -> Fault {
    Fault { name, how, status: "crashed", reason, ..PLAIN }
}

const fn out_of_memory(name: &'static str, how: &'static str, reason: &'static [&'static str]) -> Fault {
    Fault { name, how, status: "out_of_memory", reason, ..PLAIN }
}

const fn timed_out(name: &'static str, how: &'static str) -> Fault {
    Fault { name, how, status: "timed_out", reason: &["not done after 15s"], ..PLAIN }
}

/// Faults that end by themselves.
pub const QUICK: &[Fault] = &[
    // The process ends.
    crashed("exit_before_ready", "exits with 4 before `ready`", &["exited with code 4 without a result"]),
    crashed("exit_3", "exits with 3 in a phase", &["exited with code 3 without a result"]),
    crashed("exit_0", "exits with 0 in a phase", &["exited without a result"]),
    crashed(
        "last_words",
        "writes to standard error, then exits with 7",
        &["code 7", "its log ends: first words | last words"],
    ),
    crashed("exit_5_after_done", "exits with 5 after `done`", &["exited with code 5"]),
    crashed("segfault", "reads address 0", &["killed by signal 11"]),
    crashed("abort", "aborts", &["killed by signal 6"]),
    crashed("kill", "sends itself SIGKILL", &["killed by signal 9"]),
    crashed("terminate", "sends itself SIGTERM", &["killed by signal 15"]),
    // It breaks the protocol.
    failed(
        "no_json",
        "writes a line that is no JSON",
        &["broke the protocol", "`this is no event` is no event"],
    ),
    failed("unknown_event", "sends an event `teapot`", &["broke the protocol", "unknown variant `teapot`"]),
    failed("unknown_field", "adds a field to `ready`", &["broke the protocol", "unknown field `flavour`"]),
    failed(
        "missing_field",
        "leaves out the time of a `phase_begin`",
        &["broke the protocol", "missing field `monotonic_ns`"],
    ),
    failed("wrong_type", "says that a phase began at -1", &["broke the protocol", "invalid value"]),
    failed("empty_line", "writes an empty line", &["broke the protocol", "is no event"]),
    failed("binary", "writes bytes that are no UTF-8", &["broke the protocol", "a line is no UTF-8"]),
    failed("zeros", "writes a line of zero bytes", &["broke the protocol", "is no event"]),
    failed("deep_nesting", "opens 100 000 brackets", &["broke the protocol", "is no event"]),
    failed(
        "long_line",
        "writes a line of 100 MiB",
        &["broke the protocol", "a line is longer than 16777216 bytes"],
    ),
    failed(
        "endless_line",
        "writes 100 MiB without an end of line",
        &["broke the protocol", "a line is longer than 16777216 bytes"],
    ),
    failed("half_a_line", "exits with 0 in the middle of a line", &["broke the protocol", "is no event"]),
    failed("samples_before_ready", "sends samples before `ready`", &["broke the protocol", "before `ready`"]),
    failed("ready_twice", "sends `ready` twice", &["broke the protocol", "`ready` came twice"]),
    failed(
        "wrong_protocol",
        "speaks protocol 999",
        &["broke the protocol", "the worker speaks protocol 999"],
    ),
    failed("wrong_build", "reports another build", &["the worker's build is 0000"]),
    failed(
        "wrong_name",
        "answers for another implementation",
        &["the worker is python/another, but python/misbehaving was asked"],
    ),
    failed(
        "end_without_begin",
        "ends a phase that never began",
        &["broke the protocol", "`load` ended, but had not begun"],
    ),
    failed("no_end", "never ends a phase", &["broke the protocol", "`fit_first` began within `load`"]),
    failed(
        "time_runs_back",
        "ends a phase at a time before its begin",
        &["broke the protocol", "`load` ended before it had begun"],
    ),
    failed("begin_twice", "begins a phase twice", &["broke the protocol", "`load` began within `load`"]),
    failed(
        "unknown_phase",
        "begins a phase that was not asked",
        &["broke the protocol", "the phase `nap` was not asked for"],
    ),
    failed(
        "samples_of_another_phase",
        "sends the samples of a later phase",
        &["broke the protocol", "the samples of `fit` came out of order"],
    ),
    failed(
        "samples_of_unequal_lengths",
        "sends more calls than times",
        &["broke the protocol", "the samples of `fit_first` do not fit together"],
    ),
    failed(
        "samples_of_no_calls",
        "sends a sample of no calls",
        &["broke the protocol", "the samples of `fit_first` do not fit together"],
    ),
    failed(
        "no_samples",
        "leaves out the samples of a phase",
        &["broke the protocol", "the receipt came without the samples of `fit_first`"],
    ),
    failed("no_receipt", "leaves out the receipt", &["broke the protocol", "`outputs` came out of order"]),
    failed("receipt_twice", "sends the receipt twice", &["broke the protocol", "the receipt came twice"]),
    failed(
        "done_without_outputs",
        "sends `done` without `outputs`",
        &["broke the protocol", "`done` came without `outputs`"],
    ),
    failed(
        "done_at_once",
        "sends `done` after `ready`",
        &["broke the protocol", "`done` came without `outputs`"],
    ),
    ok("more_after_done", "begins a phase after `done`, which counts for nothing", &[]),
    // Libraries write to standard output and error.
    ok("print", "prints", &["printed"]),
    ok("write_to_1", "writes an event to descriptor 1", &[r#"{"event":"done"}"#]),
    ok("printf", "prints by C's buffered output", &["printed by C"]),
    ok("child_prints", "starts a child that prints", &["printed by a child"]),
    ok("long_log", "writes 200 MB to standard error", &["noise"]),
    crashed(
        "long_log_then_exit",
        "writes 200 MB to standard error, then exits with 3",
        &["exited with code 3", "last words"],
    ),
    // The raw outputs are not what was reported.
    failed("no_file", "removes its outputs", &["the outputs", "cannot be read"]),
    failed(
        "directory",
        "makes a folder of its outputs",
        &["the outputs outputs.safetensors cannot be read: it is not a plain file"],
    ),
    failed(
        "empty_file",
        "empties its outputs",
        &["the outputs have SHA-256 e3b0c442", "but the worker reported"],
    ),
    failed("empty_file_told", "gives an empty file with its true hash", &["outputs.safetensors"]),
    failed("truncated", "cuts its outputs off", &["the outputs have SHA-256", "but the worker reported"]),
    failed("truncated_told", "cuts its outputs off, and gives their true hash", &["outputs.safetensors"]),
    failed(
        "wrong_hash",
        "reports another hash",
        &["the outputs have SHA-256", "but the worker reported 0000"],
    ),
    failed(
        "tampered_later",
        "changes its outputs after they were reported",
        &["the outputs have SHA-256", "but the worker reported"],
    ),
    failed(
        "link_out",
        "links to outputs outside its folder",
        &["the outputs outputs.safetensors cannot be read: it is a link"],
    ),
    failed(
        "folder_link_out",
        "reports outputs in a folder that is a link out of its own",
        &["the outputs inner/outputs.safetensors cannot be read"],
    ),
    failed(
        "link_to_zero",
        "links its outputs to /dev/zero",
        &["the outputs outputs.safetensors cannot be read: it is a link"],
    ),
    failed(
        "fifo",
        "makes a pipe of its outputs, which nobody writes to",
        &["the outputs outputs.safetensors cannot be read: it is not a plain file"],
    ),
    failed(
        "huge_file",
        "makes its outputs 1 TiB long by a hole, where files are limited too",
        &["OSError: [Errno 27] File too large"],
    ),
    failed("absolute_path", "reports an absolute path", &["leaves the trial's folder"]),
    failed("parent_path", "reports a path through `..`", &["leaves the trial's folder"]),
    // They are, but they are no answer.
    failed("garbage", "hands in bytes that are no safetensors", &["outputs.safetensors"]),
    failed("huge_header", "hands in a header of 2^60 bytes", &["outputs.safetensors"]),
    failed("overlapping", "hands in tensors of 2^40 numbers in 8 bytes", &["outputs.safetensors"]),
    failed(
        "nan",
        "hands in a NaN",
        &["the output `predictions` holds 1 values that are not finite, the first at index 0"],
    ),
    failed(
        "infinity",
        "hands in two infinities",
        &["the output `predictions` holds 2 values that are not finite, the first at index 1"],
    ),
    failed(
        "nan_coefficient",
        "hands in a NaN among the coefficients",
        &["the output `coefficients` holds 1 values that are not finite"],
    ),
    failed("fewer_rows", "predicts a row less", &["predictions", "[11]", "[12]"]),
    failed("more_rows", "predicts a row more", &["predictions", "[13]", "[12]"]),
    failed("one_more_axis", "predicts a matrix", &["predictions", "[12, 1]", "[12]"]),
    failed("single_precision", "predicts in float32", &["predictions", "F32", "F64"]),
    failed("whole_numbers", "predicts whole numbers", &["predictions", "I64", "F64"]),
    failed("no_predictions", "leaves out the predictions", &["predictions"]),
    failed("no_coefficients", "leaves out the coefficients", &["coefficients"]),
    ok("one_more_tensor", "hands in a tensor that nobody asked for", &[]),
    // Python itself.
    Fault {
        log: &["Traceback (most recent call last)", "raise ValueError(\"planted\")"],
        ..failed("exception", "raises an exception", &["ValueError: planted"])
    },
    Fault {
        log: &["KeyError: 'the cause'", "direct cause"],
        ..failed("chained_exception", "raises an exception from another", &["RuntimeError: the effect"])
    },
    failed(
        "exception_with_odd_text",
        "raises an exception with control characters and 100 000 letters",
        &["ValueError: "],
    ),
    Fault {
        log: &["import no_such_module"],
        ..failed(
            "import_error",
            "imports a module that is not there",
            &["ModuleNotFoundError: No module named 'no_such_module'"],
        )
    },
    failed("library_error", "loads a shared library that is not there", &["OSError: libnosuchlibrary.so"]),
    failed("system_exit", "calls `sys.exit`", &["SystemExit: a library gave up"]),
    crashed("keyboard_interrupt", "raises `KeyboardInterrupt`", &["killed by signal 2", "KeyboardInterrupt"]),
    failed("recursion", "recurses without end", &["RecursionError: maximum recursion depth exceeded"]),
    failed(
        "nan_in_an_event",
        "puts a NaN into an event",
        &["ValueError: event progress holds a number that is not finite"],
    ),
    // Memory; the limit is 1 GiB.
    out_of_memory("memory_error", "raises `MemoryError`", &["MemoryError"]),
    out_of_memory("allocate", "allocates 64 GiB", &["Unable to allocate 64.0 GiB"]),
    out_of_memory("allocate_bit_by_bit", "allocates 16 MiB again and again", &["MemoryError"]),
    failed(
        "child_allocates",
        "starts a child that allocates 16 GiB",
        &["RuntimeError: a child ended with code"],
    ),
    // Processes and threads.
    ok("children_stay", "leaves four children behind", &[]),
    ok("daemon_stays", "leaves a daemon in a session of its own behind", &[]),
    crashed("daemon_and_exit", "forks a daemon, then exits with 0", &["exited without a result"]),
    crashed(
        "daemon_with_pipe_and_exit",
        "forks a daemon that keeps the event pipe open, then exits with 0",
        &["exited without a result"],
    ),
    ok("thread_goes_on", "leaves a thread running after `done`", &[]),
    ok("own_group", "computes in a child that left its process group", &[]),
    Fault {
        refused: &["CPUs should be equal, but python/misbehaving used"],
        ..ok("all_cpus", "allows itself all CPUs", &[])
    },
    ok("nice", "lowers its own priority", &[]),
    ok("alone", "fails if it finds a process of an earlier trial", &[]),
];

/// Faults that end only when the runner ends them, after 15 seconds, or 10 seconds after their last event.
pub const HANGS: &[Fault] = &[
    timed_out("hang_before_ready", "sleeps before `ready`"),
    timed_out("hang_in_a_phase", "sleeps in a phase"),
    timed_out("hang_ignoring_signals", "ignores SIGTERM, SIGINT and SIGHUP, and sleeps"),
    timed_out("stopped", "stops itself by SIGSTOP"),
    timed_out("busy", "computes without end"),
    timed_out("babble", "sends `progress` without end"),
    crashed(
        "linger",
        "does not exit after `done`",
        &["did not exit within 10s of the end of its events, and was killed"],
    ),
    crashed(
        "close_and_go_on",
        "closes its event pipe, and sleeps",
        &["did not exit within 10s of the end of its events, and was killed"],
    ),
    Fault {
        needs_group: true,
        ..out_of_memory(
            "children_allocate_together",
            "starts eight children that hold 256 MiB each",
            &["the memory limit of 1.0 GiB was reached", "the kernel killed a process of the trial"],
        )
    },
];

/// Faults after which no trial of the same environment can work: the row is that of a later trial, too.
pub const BROKEN_ENVIRONMENT: &[Fault] = &[
    failed("interpreter_vanishes", "removes the environment's interpreter", &["cannot start"]),
    failed(
        "package_vanishes",
        "renames the NumPy of the environment",
        &["No module named 'numpy'", "ImportError"],
    ),
];
