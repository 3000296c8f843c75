"""Mistakes that are easily made where images are convolved."""

import checks
import numpy as np
from bugs import bug

from minivae.layers import Activation, channels, convolution, dense
from minivae.parts import Sum


def in_patches(patch, before=lambda *how: how, after=lambda patches: patches):
    """Make a mistake in what patches are, and the same in their transpose.

    ``before(stride, padding)`` may change how they lie, ``after(patches)`` returns the patches in
    another order, which is its own inverse.
    """
    gather, scatter = convolution.gather_patches, convolution.scatter_patches

    beyond = 9  # room for patches that lie elsewhere, on the lower right, in either engine

    def wrong_gather(images, stride, padding, patches):
        larger = np.pad(images, ((0, 0), (0, beyond), (0, beyond), (0, 0)))
        gather(larger, *before(stride, padding), patches)
        patches[...] = after(patches).copy()

    def wrong_scatter(patches, start, stride, padding, images):
        n, height, width, channels = images.shape
        larger = np.empty((n, height + beyond, width + beyond, channels), images.dtype)
        scatter(np.ascontiguousarray(after(patches)), start, *before(stride, padding), larger)
        images[...] = larger[:, :height, :width]

    patch.setattr(convolution, "gather_patches", wrong_gather)
    patch.setattr(convolution, "scatter_patches", wrong_scatter)


BY_SCIPY = [checks.convolution_by_scipy, checks.transpose_by_scipy]
BLIND = [checks.convolution_gradient, checks.transpose_gradient, checks.adjoint]


@bug(caught_by=BY_SCIPY, missed_by=BLIND)
def kernels_are_flipped(patch):
    in_patches(patch, after=lambda patches: patches[:, :, :, ::-1, ::-1])


@bug(caught_by=BY_SCIPY, missed_by=BLIND)
def strides_downwards_and_to_the_right_exchanged(patch):
    in_patches(patch, before=lambda stride, padding: (stride[::-1], padding))


@bug(caught_by=BY_SCIPY, missed_by=BLIND)
def patches_begin_at_the_edge_whatever_the_padding(patch):
    in_patches(patch, before=lambda stride, padding: (stride, (0, 0)))


@bug(
    caught_by=[*BY_SCIPY, checks.transpose_gradient],  # that of the bias
    missed_by=[checks.convolution_gradient, checks.adjoint, checks.one_channel_by_scipy],
)
def images_read_channel_by_channel(patch):
    gather, scatter = convolution.gather_patches, convolution.scatter_patches

    def as_planes(images):
        n, height, width, channels = images.shape
        return images.reshape(n, channels, height, width).transpose(0, 2, 3, 1)

    def wrong_gather(images, stride, padding, patches):
        gather(np.ascontiguousarray(as_planes(images)), stride, padding, patches)

    def wrong_scatter(patches, start, stride, padding, images):
        right = np.empty_like(images)
        scatter(patches, start, stride, padding, right)
        as_planes(images)[...] = right

    patch.setattr(convolution, "gather_patches", wrong_gather)
    patch.setattr(convolution, "scatter_patches", wrong_scatter)


@bug(
    caught_by=[checks.convolution_gradient, checks.transpose_by_scipy, checks.adjoint],
    missed_by=[checks.convolution_by_scipy, checks.gradient_of_patches_apart],
)
def patches_put_where_they_are_to_be_added(patch):
    def wrong(patches, start, stride, padding, images):
        (s, t), (u, v) = stride, padding
        n, height, width, channels = images.shape
        padded = np.zeros((n, height + 2 * u, width + 2 * v, channels), images.dtype)
        for p, q in np.ndindex(patches.shape[1:3]):
            k, l = patches.shape[3:5]  # noqa: E741
            padded[:, p * s : p * s + k, q * t : q * t + l] = patches[:, p, q]
        images[...] = start + padded[:, u : u + height, v : v + width]

    patch.setattr(convolution, "scatter_patches", wrong)


@bug(
    caught_by=[checks.convolution_gradient, checks.transpose_gradient],
    missed_by=[*BY_SCIPY, checks.adjoint],
)
def gradient_of_the_bias_averaged_over_pixels(patch):
    for kind in (convolution.Conv2D, convolution.ConvTranspose2D):

        def wrong(self, params, saved, dh, *rest, original=kind.backward):
            dx, parts = original(self, params, saved, dh, *rest)
            height, width, _ = self.image_out
            return dx, {**parts, "b": Sum(parts["b"].dy / (height * width))}

        patch.setattr(kind, "backward", wrong)


@bug(
    caught_by=[checks.gradient_with_gelu],
    missed_by=[*BY_SCIPY, checks.convolution_gradient, checks.adjoint],
)
def what_went_into_the_activation_overwritten_by_what_came_out(patch):
    def wrong(self, h, new=None):
        self.forward(h)
        return (h, h) if self.needs_input else (h,)

    patch.setattr(Activation, "apply", wrong)


@bug(
    caught_by=[checks.glorot_of("convolution"), checks.glorot_of("transposed")],
    missed_by=[checks.glorot_of("dense"), checks.convolution_gradient],
)
def fans_that_count_channels_and_not_pixels(patch):
    original = convolution.draw_weights

    def wrong(W, rng, start, std, fan_in, fan_out):
        size = W.shape[0] * W.shape[1]
        original(W, rng, start, std, fan_in // size, fan_out // size)

    patch.setattr(convolution, "draw_weights", wrong)


@bug(
    caught_by=[checks.glorot_of("dense"), checks.glorot_of("convolution")],
    missed_by=[checks.convolution_gradient],
)
def glorot_s_standard_deviation_taken_for_the_end_of_the_range(patch):
    original = dense.draw_weights

    def wrong(W, rng, start, std, *fans):
        original(W, rng, start, std, *fans)
        W /= np.sqrt(3) if start == "glorot" else 1

    for place in (dense, convolution):
        patch.setattr(place, "draw_weights", wrong)


@bug(
    caught_by=[checks.channel_by_channel],
    missed_by=[checks.gradient_of_gaussian_images, checks.convolution_gradient],
)
def means_and_log_variances_left_interleaved(patch):
    kind = channels.ChannelsFirst
    patch.setattr(kind, "forward", lambda self, params, x, *rest: (x.copy(), None))
    patch.setattr(kind, "backward", lambda self, params, saved, dh, *rest: (dh.copy(), {}))
