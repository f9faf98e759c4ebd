/// Convolutions a row of the result at a time: for each tap, the row gets a multiple of a row of the source. The
/// including file defines `NT_TYPE`, `NT_TARGET`, `NT_NAMED(name)`, and `NT_ALL_KINDS` where it wants more than the
/// input gradient. No copies are made, and every element is summed in the same order whatever the row's length.

/// `to[j * to_step] += w * from[j * from_step]` for `count` elements.
static NT_TARGET void NT_NAMED(nt_add_row)(
    NT_TYPE *to, int64_t to_step, const NT_TYPE *from, int64_t from_step, NT_TYPE w, int64_t count
) {
    if (to_step == 1 && from_step == 1) {
        for (int64_t j = 0; j < count; j++) to[j] += w * from[j];
    } else {
        for (int64_t j = 0; j < count; j++) to[j * to_step] += w * from[j * from_step];
    }
}

/// Row `y` of input plane `channel`: sums over the window, then the group's outputs.
static NT_TARGET void NT_NAMED(nt_input_row)(
    const nt_convolution *k, const NT_TYPE *gradient, const NT_TYPE *weight, int64_t channel, int64_t y, NT_TYPE *to
) {
    const int64_t in = k->in_channels / k->groups, out = k->out_channels / k->groups, group = channel / in;
    memset(to, 0, k->iw * sizeof(NT_TYPE));
    for (int64_t u = 0; u < k->kh; u++) {
        const int64_t top = y + k->ph - u * k->dh;
        if (top < 0 || top % k->sh || top / k->sh >= k->oh) continue;
        for (int64_t v = 0; v < k->kw; v++) {
            const nt_span s = nt_tap_span(k, v);
            if (s.first == s.last) continue;
            for (int64_t o = group * out; o < (group + 1) * out; o++)
                NT_NAMED(nt_add_row)(
                    to + s.first * k->sw - k->pw + v * k->dw, k->sw,
                    gradient + (o * k->oh + top / k->sh) * k->ow + s.first, 1,
                    weight[((o * in + channel % in) * k->kh + u) * k->kw + v], s.last - s.first);
        }
    }
}

#ifdef NT_ALL_KINDS
/// Row `y` of output plane `channel`: sums over the group's inputs, then the window.
static NT_TARGET void NT_NAMED(nt_forward_row)(
    const nt_convolution *k, const NT_TYPE *input, const NT_TYPE *weight, int64_t channel, int64_t y, NT_TYPE *to
) {
    const int64_t in = k->in_channels / k->groups, group = channel / (k->out_channels / k->groups);
    memset(to, 0, k->ow * sizeof(NT_TYPE));
    for (int64_t i = 0; i < in; i++)
        for (int64_t u = 0; u < k->kh; u++) {
            const int64_t row = y * k->sh - k->ph + u * k->dh;
            if (row < 0 || row >= k->ih) continue;
            const NT_TYPE *from = input + ((group * in + i) * k->ih + row) * k->iw;
            const NT_TYPE *w = weight + ((channel * in + i) * k->kh + u) * k->kw;
            for (int64_t v = 0; v < k->kw; v++) {
                const nt_span s = nt_tap_span(k, v);
                if (s.first == s.last) continue;
                NT_NAMED(nt_add_row)(
                    to + s.first, 1, from + s.first * k->sw - k->pw + v * k->dw, k->sw, w[v], s.last - s.first);
            }
        }
}

/// The sum for one weight over the places of one image, in four parts, so that one addition need not wait for the last.
static NT_TARGET NT_TYPE NT_NAMED(nt_weight_sum)(
    const nt_convolution *k, const NT_TYPE *plane, const NT_TYPE *gradient, int64_t u, int64_t v
) {
    NT_TYPE sums[4] = {0, 0, 0, 0};
    const nt_span s = nt_tap_span(k, v);
    for (int64_t y = 0; y < k->oh; y++) {
        const int64_t row = y * k->sh - k->ph + u * k->dh;
        if (row < 0 || row >= k->ih) continue;
        const NT_TYPE *a = plane + row * k->iw, *b = gradient + y * k->ow;
        const int64_t offset = v * k->dw - k->pw;
        int64_t x = s.first;
        for (; x + 4 <= s.last; x += 4)
            for (int64_t i = 0; i < 4; i++) sums[i] += a[(x + i) * k->sw + offset] * b[x + i];
        for (; x < s.last; x++) sums[0] += a[x * k->sw + offset] * b[x];
    }
    return (sums[0] + sums[1]) + (sums[2] + sums[3]);
}
#endif
