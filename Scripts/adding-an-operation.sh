#!/usr/bin/env bash
# Follows "Adding an operation" of ARCHITECTURE.md by the letter: adds `sech` to a copy of the tree, place by place, and
# runs what tests an operation. Then leaves out each place in turn, which must not compile, with an error where the place
# is, or be refused by the name of `sech`: never a wrong number, never a trap without its name.
#
# Usage: Scripts/adding-an-operation.sh [whole | place...]     without arguments both, with every place
# SWIFT: the command that is called for `swift`. SCRATCH: where the copy and its builds are kept; by default a temporary
# folder.
set -euo pipefail
root="$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)"
read -r -a swift <<<"${SWIFT:-swift}"
if [[ -z "${SCRATCH:-}" ]]; then
    SCRATCH="$(mktemp -d)"
    trap 'rm -rf "$SCRATCH"' EXIT
fi
tree="$SCRATCH/tree"

# MARK: The places

names=() files=() anchors=() texts=()

# Before the one occurrence of ANCHOR in FILE, TEXT is put.
place() {
    names+=("$1") files+=("$2") anchors+=("$3") texts+=("$4")
}
newline=$'\n'

operations=Sources/TensorRuntime/Operations/PointwiseOperation.swift
place case $operations 'tanh, sigmoid' 'sech, '
place row $operations '        case .tanh: Row(' \
    "        case .sech: Row(name: \"sech\", arity: 1, rule: .sameFloat, float32ULP: 3)$newline"
place evaluate $operations '        case .tanh: Foundation' "        case .sech: 1 / Foundation.cosh(a)$newline"
place evaluate-integer $operations '.tanh, .sigmoid' '.sech, '

kernels=Backends/CPU/CPUKernels
place c-row $kernels/routines.h '    X(OP_TANH,' "    X(OP_SECH, sech, sameFloat, 1, sech) \\$newline"
place c-function $kernels/body_elementary.h '// 2^n (1 + f q(f)), |f| <= 1/2' \
    '// The reciprocal of cosh, whose rounding adds to its own. Error at most 3 ulp.
static inline ALWAYS float f32_sech(float x) { return 1.0f / f32_cosh(x); }

'
place c-float32 $kernels/body_pointwise.h 'UNARY_DEEP(tanh_float,' "UNARY_DEEP(sech_float, f32_sech(x))$newline"
place c-float64 $kernels/body_pointwise.h 'UNARY(tanh_double,' "UNARY(sech_double, double, double, 1.0 / cosh(x))$newline"

place shader Shaders/Mathematics/PointwiseEmitter.swift '        case .tanh: return' \
    "        case .sech: return FloatFunctions(k: k).sech(a)$newline"
place shader-function Shaders/Mathematics/FloatFunctions+Elementary.swift '    /// 2^n (1 + f q(f)), |f| <= 1/2' \
    '    /// As in the CPU'"'"'s kernels, for float64 too. Error at most 3 ulp.
    func sech(_ x: Value) -> Value {
        constant(1, like: x) / (x.type.scalar == .float64 ? x.unary(.cosh) : cosh(x))
    }

'
place derivative Sources/Needletail/Autograd/Derivatives+Pointwise.swift '        case .tanh: return Row' \
    "        case .sech: return Row({ p in InputGradients(-(p.gradient * (x.sech() * x.tanh()))) })$newline"
place tensor Sources/Needletail/Tensor/Tensor+Mathematics.swift '    public func tanh()' \
    "    public func sech() -> Tensor { unary(.sech) }$newline"
# Not asked for: second derivatives too. It calls what users call.
place gradient-test Tests/NeedletailTests/AutogradTests.swift '        Check(name: "tanh", inputs: [x()])' \
    "        Check(name: \"sech\", inputs: [x()]) { \$0[0].sech() },$newline"

# MARK: The copy

# Copies the sources of the working tree, without what is built.
copy_tree() {
    mkdir -p "$tree"
    (cd "$root" && git ls-files -z --cached --others --exclude-standard | tar -cf - --null -T -) | tar -xf - -C "$tree"
}

# Writes the files of all places anew, without the place named; those that stay as they are keep their dates.
write_places() {
    local without="$1" file number made
    for file in $(printf '%s\n' "${files[@]}" | sort -u); do
        made="$(mktemp)"
        cp "$root/$file" "$made"
        for number in "${!names[@]}"; do
            if [[ "${files[$number]}" != "$file" || "${names[$number]}" == "$without" ]]; then continue; fi
            ANCHOR="${anchors[$number]}" TEXT="${texts[$number]}" awk '
                BEGIN { anchor = ENVIRON["ANCHOR"]; text = ENVIRON["TEXT"] }
                { at = index($0, anchor) }
                at { found++; print substr($0, 1, at - 1) text substr($0, at); next }
                { print }
                END { if (found != 1) { print "anchor found " found + 0 " times: " anchor > "/dev/stderr"; exit 1 } }
            ' "$made" >"$made.new"
            mv "$made.new" "$made"
        done
        if ! cmp -s "$made" "$tree/$file"; then cp "$made" "$tree/$file"; fi
        rm "$made"
    done
}

build() { "${swift[@]}" build --package-path "$tree" --scratch-path "$SCRATCH/build" "$@"; }

outcomes=()
said() {
    outcomes+=("$1")
    echo "adding-an-operation: $1"
}
fail() {
    echo "adding-an-operation: $1" >&2
    exit 1
}

# MARK: All places

# What tests an operation: its rows on the CPU with each instruction set, on the interpreter of GPU kernels and on PoCL,
# and its derivatives. None of these tests knows of sech, but the row of gradient-test.
test_whole() {
    local options=(--package-path "$tree" --scratch-path "$SCRATCH/build" -c release) log="$SCRATCH/whole.log"
    local suites='NumberingTests|OperationTests|ExhaustivenessTests|DerivativeTableTests|GradientTests|PairTests'
    suites+='|CPUBackendTests.ConformanceTests|theCataloguePassesAndNothingIsLeftOut|numbersAreTheSameOnTheDevice'
    write_places none
    "${swift[@]}" build "${options[@]}" --build-tests >"$log" 2>&1 || fail "sech does not build: see $log"
    "${swift[@]}" test "${options[@]}" --skip-build --filter "$suites" >"$log" 2>&1 ||
        fail "sech fails a test: see $log"
    said "sech with all places: $(grep -E 'Test run with [0-9]+ tests' "$log" | tail -1)"
}

# MARK: Leaving places out

# The target does not compile without the place, with an error in FILE, and the output names WORD.
expect_no_build() {
    local name="$1" target="$2" file="$3" word="$4" log="$SCRATCH/$1.log"
    write_places "$name"
    if build --target "$target" >"$log" 2>&1; then fail "without $name, $target compiles"; fi
    grep -qE "($file):[0-9]+:[0-9]+: error" "$log" || fail "without $name, there is no error in $file: see $log"
    grep -qF "$word" "$log" || fail "without $name, nothing names $word: see $log"
    said "without $name: $target does not compile, $(grep -oE "($file):[0-9]+:[0-9]+: error: .*" "$log" | head -1)"
}

# The command line builds, and every use of the CPU is refused with both names.
expect_refusal() {
    local what="$1" log="$SCRATCH/refusal.log" bin
    build --product needletail >"$log" 2>&1 || fail "$what: the command line does not build: see $log"
    bin="$(build --product needletail --show-bin-path)"
    if "$bin/needletail" kernels dump --device cpu --model mlp >"$log" 2>&1; then fail "$what: the CPU is opened"; fi
    grep -qF "'sech sameFloat 1' in Swift" "$log" || fail "$what: the message does not name sech: see $log"
    said "$what: $(grep -F "'sech sameFloat 1' in Swift" "$log" | head -1)"
}

leave_out() {
    case "$1" in
    whole) test_whole ;;
    case) expect_no_build case TensorRuntime PointwiseOperation.swift sech ;;
    row | evaluate | evaluate-integer) expect_no_build "$1" TensorRuntime PointwiseOperation.swift "add missing case: '.sech'" ;;
    c-row)
        write_places c-row
        expect_refusal "without c-row"
        # The row at another place than Swift's case.
        local file="$kernels/routines.h" line
        line='    X(OP_SECH, sech, sameFloat, 1, sech) \'
        LINE="$line" awk '{ print } index($0, "    X(OP_TANH,") { print ENVIRON["LINE"] }' "$root/$file" >"$tree/$file"
        expect_refusal "with c-row behind tanh's"
        ;;
    c-function) expect_no_build c-function CPUKernels 'body_[a-z]*.h' f32_sech ;;
    c-float32) expect_no_build c-float32 CPUKernels 'body_table.h|routines.h' sech_float ;;
    c-float64) expect_no_build c-float64 CPUKernels 'body_table.h|routines.h' sech_double ;;
    shader) expect_no_build shader Shaders PointwiseEmitter.swift "add missing case: '.sech'" ;;
    shader-function) expect_no_build shader-function Shaders PointwiseEmitter.swift "has no member 'sech'" ;;
    derivative) expect_no_build derivative Needletail 'Derivatives\+Pointwise.swift' "add missing case: '.sech'" ;;
    tensor) expect_no_build tensor NeedletailTests AutogradTests.swift "has no member 'sech'" ;;
    gradient-test) said "without gradient-test: nothing, first derivatives are tested all the same" ;;
    *) fail "there is no place '$1'; there are: ${names[*]}" ;;
    esac
}

copy_tree
wanted=("$@")
if [[ $# == 0 ]]; then wanted=(whole "${names[@]}"); fi
# What the places that compile have in common.
write_places none
for name in "${wanted[@]}"; do leave_out "$name"; done
printf '\n%s\n' "adding-an-operation: ${#outcomes[@]} outcomes as they should be"
