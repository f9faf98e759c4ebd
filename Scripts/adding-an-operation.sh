#!/usr/bin/env bash
# Follows "Adding an operation" of ARCHITECTURE.md by the letter: adds `sinh` to a copy of the tree, place by place, and
# runs what tests an operation. Then leaves out each place in turn, which must not compile, with an error where the place
# is, or be refused by the name of `sinh`: never a wrong number, never a trap without its name.
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
place case $operations 'tanh, sigmoid, erf, relu' 'sinh, '
place row $operations '        case .tanh: Row(' \
    "        case .sinh: Row(name: \"sinh\", arity: 1, rule: .sameFloat, float32ULP: 5)$newline"
place evaluate $operations '        case .tanh: Foundation' "        case .sinh: Foundation.sinh(a)$newline"

kernels=Backends/CPU/CPUKernels
place c-row $kernels/routines.h '    X(OP_TANH,' "    X(OP_SINH, sinh, sameFloat, 1, sinh) \\$newline"
place c-function $kernels/body_math.h '// Odd polynomial for |x| < 0.6,' \
    '// (e + e / (e + 1)) / 2 with e = exp(|x|) - 1, which has all digits of a small x; beyond, where that is infinite
// first, half the square of exp(|x| / 2). Error at most 4 ulp.
static inline ALWAYS float f32_sinh(float x) {
    float a = __builtin_fabsf(x);
    float e = f32_expm1(a);
    float h = f32_exp(0.5f * a);
    float y = a < 88.0f ? 0.5f * (e + e / (e + 1.0f)) : (0.5f * h) * h;
    return with_sign_of(y, x);
}

'
place c-float32 $kernels/body_pointwise.h 'UNARY_DEEP(tanh_float,' "UNARY_DEEP(sinh_float, f32_sinh(x))$newline"
place c-float64 $kernels/body_pointwise.h 'UNARY(tanh_double,' "UNARY(sinh_double, double, double, sinh(x))$newline"

place shader Shaders/Mathematics/PointwiseEmitter.swift '        case .tanh: return' \
    "        case .sinh: return FloatFunctions(k: k).sinh(a)$newline"
place shader-function Shaders/Mathematics/FloatFunctions.swift \
    '    /// Error at most 1.1 ulp; gradual underflow is right.' \
    '    /// As in the CPU'"'"'s kernels, for float64 too. Error at most 4 ulp.
    func sinh(_ x: Value) -> Value {
        let isDouble = x.type.scalar == .float64
        let a = x.unary(.absolute)
        let e = isDouble ? a.unary(.expm1) : expm1(a)
        let h = isDouble ? (a * 0.5).unary(.exp) : exp(a * 0.5)
        let y = k.select(a < (isDouble ? 709.0 : 88.0), (e + e / (e + 1.0)) * 0.5, (h * 0.5) * h)
        let zero = constant(0, like: x)
        return k.select(x < zero, -y, k.select(x == zero, x, y))
    }

'
place derivative Sources/Needletail/Autograd/Derivatives+Pointwise.swift '        case .tanh: return Row' \
    "        case .sinh: return Row({ p in InputGradients(p.gradient * ((x.exp() + (-x).exp()) * 0.5)) })$newline"
place tensor Sources/Needletail/Tensor/Tensor+Mathematics.swift '    public func tanh()' \
    "    public func sinh() -> Tensor { unary(.sinh) }$newline"
# Not asked for: second derivatives too. It calls what users call.
place gradient-test Tests/NeedletailTests/AutogradTests.swift '        Check(name: "tanh", inputs: [x()])' \
    "        Check(name: \"sinh\", inputs: [x()]) { \$0[0].sinh() },$newline"

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
# and its derivatives. None of these tests knows of sinh, but the row of gradient-test.
test_whole() {
    local options=(--package-path "$tree" --scratch-path "$SCRATCH/build" -c release) log="$SCRATCH/whole.log"
    local suites='NumberingTests|OperationTests|ExhaustivenessTests|DerivativeTableTests|GradientTests|PairTests'
    suites+='|CPUBackendTests.ConformanceTests|theCataloguePassesAndNothingIsLeftOut|numbersAreTheSameOnTheDevice'
    write_places none
    "${swift[@]}" build "${options[@]}" --build-tests >"$log" 2>&1 || fail "sinh does not build: see $log"
    "${swift[@]}" test "${options[@]}" --skip-build --filter "$suites" >"$log" 2>&1 ||
        fail "sinh fails a test: see $log"
    said "sinh with all places: $(grep -E 'Test run with [0-9]+ tests' "$log" | tail -1)"
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
    grep -qF "'sinh sameFloat 1' in Swift" "$log" || fail "$what: the message does not name sinh: see $log"
    said "$what: $(grep -F "'sinh sameFloat 1' in Swift" "$log" | head -1)"
}

leave_out() {
    case "$1" in
    whole) test_whole ;;
    case) expect_no_build case TensorRuntime PointwiseOperation.swift sinh ;;
    row | evaluate) expect_no_build "$1" TensorRuntime PointwiseOperation.swift "add missing case: '.sinh'" ;;
    c-row)
        write_places c-row
        expect_refusal "without c-row"
        # The row at another place than Swift's case.
        local file="$kernels/routines.h" line
        line='    X(OP_SINH, sinh, sameFloat, 1, sinh) \'
        LINE="$line" awk '{ print } index($0, "    X(OP_TANH,") { print ENVIRON["LINE"] }' "$root/$file" >"$tree/$file"
        expect_refusal "with c-row behind tanh's"
        ;;
    c-function) expect_no_build c-function CPUKernels 'body_[a-z]*.h' f32_sinh ;;
    c-float32) expect_no_build c-float32 CPUKernels 'body_table.h|routines.h' sinh_float ;;
    c-float64) expect_no_build c-float64 CPUKernels 'body_table.h|routines.h' sinh_double ;;
    shader) expect_no_build shader Shaders PointwiseEmitter.swift "add missing case: '.sinh'" ;;
    shader-function) expect_no_build shader-function Shaders PointwiseEmitter.swift "has no member 'sinh'" ;;
    derivative) expect_no_build derivative Needletail 'Derivatives\+Pointwise.swift' "add missing case: '.sinh'" ;;
    tensor) expect_no_build tensor NeedletailTests AutogradTests.swift "has no member 'sinh'" ;;
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
