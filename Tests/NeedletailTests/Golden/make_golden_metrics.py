#!/usr/bin/env python3
"""Writes metrics.safetensors beside this script: what scikit-learn (perplexity: PyTorch) says of made-up outputs.

    python make_golden_metrics.py        # needs scikit-learn, numpy, torch and safetensors
"""

import numpy as np
import torch
from safetensors.numpy import save_file
from sklearn import metrics as sk

rng = np.random.default_rng(12)
out = {}


def put(name, value):
    out[name] = np.ascontiguousarray(np.atleast_1d(np.asarray(value, dtype=np.float64)))


# Five classes, of which the last but one is rare and one never predicted, with ties.
N, C = 203, 5
labels = rng.choice(C, N, p=[0.4, 0.3, 0.2, 0.02, 0.08]).astype(np.int64)
logits = (rng.normal(size=(N, C)) + 1.2 * np.eye(C)[labels]).astype(np.float32)
logits[:, 3] -= 20
logits[:7] = np.round(logits[:7])
said = logits.argmax(1)
out["classes/logits"], out["classes/labels"] = logits, labels
put("classes/accuracy", sk.accuracy_score(labels, said))
probabilities = torch.tensor(logits).double().softmax(1).numpy()
for k in (1, 2, 3):
    order = np.argsort(-logits.astype(np.float64), axis=1, kind="stable")
    put(f"classes/top{k}", np.mean((order[:, :k] == labels[:, None]).any(1)))
put("classes/confusion", sk.confusion_matrix(labels, said, labels=range(C)).astype(np.float64).ravel())
for mode in ("true", "pred", "all"):
    put(f"classes/confusion_{mode}", sk.confusion_matrix(labels, said, labels=range(C), normalize=mode).ravel())
for average in ("micro", "macro", "weighted", None):
    for zero in (0.0, 1.0):
        key = f"{average or 'each'}_{int(zero)}"
        keep = {"average": average, "zero_division": zero}
        if average is None:
            keep["labels"] = range(C)
        put(f"classes/precision_{key}", sk.precision_score(labels, said, **keep))
        put(f"classes/recall_{key}", sk.recall_score(labels, said, **keep))
        put(f"classes/f1_{key}", sk.fbeta_score(labels, said, beta=1, **keep))
        put(f"classes/f2_{key}", sk.fbeta_score(labels, said, beta=2, **keep))
put("classes/matthews", sk.matthews_corrcoef(labels, said))
for weights in (None, "linear", "quadratic"):
    put(f"classes/kappa_{weights or 'none'}", sk.cohen_kappa_score(labels, said, weights=weights))
put("classes/auc", sk.roc_auc_score(labels, probabilities, multi_class="ovr", average="macro"))
put("classes/ap", np.mean([sk.average_precision_score(labels == c, probabilities[:, c]) for c in range(C)]))
loss = torch.nn.functional.cross_entropy(torch.tensor(logits).double(), torch.tensor(labels))
put("classes/perplexity", float(loss.exp()))
kept = torch.nn.functional.cross_entropy(torch.tensor(logits).double(), torch.tensor(labels), ignore_index=2)
put("classes/perplexity_without_2", float(kept.exp()))
put("classes/accuracy_without_2", np.mean((said == labels)[labels != 2]))
# Expected calibration error, by Guo et al.'s definition.
confidence, right = probabilities.max(1), said == labels
edges = np.linspace(0, 1, 11)
put("classes/ece10", sum(
    abs(right[m].mean() - confidence[m].mean()) * m.mean()
    for m in ((confidence > a) & (confidence <= b) for a, b in zip(edges, edges[1:])) if m.any()))

# One score with ties against 0 and 1.
M = 120
truth = rng.integers(0, 2, M).astype(np.int64)
scores = np.round(rng.normal(size=M) + truth, 1).astype(np.float32)
out["binary/logits"], out["binary/labels"] = scores, truth
guess = (scores > 0).astype(np.int64)
put("binary/accuracy", sk.accuracy_score(truth, guess))
put("binary/precision", sk.precision_score(truth, guess))
put("binary/recall", sk.recall_score(truth, guess))
put("binary/f1", sk.f1_score(truth, guess))
put("binary/matthews", sk.matthews_corrcoef(truth, guess))
put("binary/auc", sk.roc_auc_score(truth, scores))
put("binary/ap", sk.average_precision_score(truth, scores))
fpr, tpr, _ = sk.roc_curve(truth, scores, drop_intermediate=False)
put("binary/fpr", fpr)
put("binary/tpr", tpr)
precision, recall, _ = sk.precision_recall_curve(truth, scores)
put("binary/pr_precision", precision[:-1][::-1])
put("binary/pr_recall", recall[:-1][::-1])

# Four labels an example, the last of which never is.
on = (rng.random((90, 4)) < [0.5, 0.3, 0.1, 0.0]).astype(np.int64)
marks = (rng.normal(size=(90, 4)) + 1.5 * on - 0.5).astype(np.float32)
marks[:, 3] = -1
out["labels/logits"], out["labels/labels"] = marks, on
marked = (marks > 0).astype(np.int64)
put("labels/hamming", 1 - sk.hamming_loss(on, marked))
put("labels/exact", sk.accuracy_score(on, marked))
for average in ("micro", "macro", "weighted", None):
    keep = {"average": average, "zero_division": 0.0}
    put(f"labels/precision_{average or 'each'}", sk.precision_score(on, marked, **keep))
    put(f"labels/recall_{average or 'each'}", sk.recall_score(on, marked, **keep))
    put(f"labels/f1_{average or 'each'}", sk.f1_score(on, marked, **keep))

# Three numbers an example, far from 0.
y = (rng.normal(size=(150, 3)) * [1, 5, 0.1] + [1000, -3, 7]).astype(np.float32)
p = (y + rng.normal(size=(150, 3)) * [0.5, 2, 0.2] + [0.3, 0, 0]).astype(np.float32)
out["regression/outputs"], out["regression/labels"] = p, y
y, p = y.astype(np.float64), p.astype(np.float64)
put("regression/mae", sk.mean_absolute_error(y, p))
put("regression/mae_each", sk.mean_absolute_error(y, p, multioutput="raw_values"))
put("regression/mse", sk.mean_squared_error(y, p))
put("regression/mse_each", sk.mean_squared_error(y, p, multioutput="raw_values"))
put("regression/rmse", np.sqrt(np.mean((y - p) ** 2)))
put("regression/r2", sk.r2_score(y, p))
put("regression/r2_each", sk.r2_score(y, p, multioutput="raw_values"))
put("regression/explained", sk.explained_variance_score(y, p))
put("regression/explained_each", sk.explained_variance_score(y, p, multioutput="raw_values"))

save_file(out, "metrics.safetensors")
