"""Equations of hearing: a sound without its noise and its pauses, as bands of the mel scale."""

import numpy as np
from jaxtyping import Complex, Float
from scipy.fft import dct
from scipy.signal import istft, stft

RATE = 16_000  # samples a second that all of this works at
FRAME, HOP = 400, 80  # 25 ms, every 5 ms
SPECTRUM = 512  # samples of a spectrum


def without_noise(
    sound: Float[np.ndarray, " time"], *, excess: float = 3.0, least: float = 0.03
) -> Float[np.ndarray, " time"]:
    """A sound less the noise of its quietest tenth (spectral subtraction, Boll 1979).

    Of each bin's power, ``excess`` times the noise's is taken away; ``least`` of its amplitude
    stays. A sound whose quietest tenth is silent stays as it is.
    """
    filled = np.pad(sound, (0, max(0, SPECTRUM - len(sound))))
    _, _, spectra = stft(filled, RATE, nperseg=SPECTRUM, noverlap=SPECTRUM * 3 // 4)
    power = np.abs(spectra) ** 2  # bins frames
    quiet = np.argsort(power.sum(axis=0))[: max(3, power.shape[1] // 10)]
    noise = power[:, quiet].mean(axis=1)
    width = np.ones(17) / 17  # noise is smooth over frequency; a few frames of it are not
    noise = np.convolve(np.pad(noise, 8, mode="edge"), width, mode="valid")
    gain = np.sqrt(np.maximum(1 - excess * noise[:, None] / (power + 1e-20), least**2))
    _, quieter = istft(_scaled(spectra, gain), RATE, nperseg=SPECTRUM, noverlap=SPECTRUM * 3 // 4)
    return quieter[: len(sound)].astype(np.float32)  # the transform goes on past the end


def _scaled(
    spectra: Complex[np.ndarray, "bins frames"], gain: Float[np.ndarray, "bins frames"]
) -> Complex[np.ndarray, "bins frames"]:
    return spectra * gain


def without_pauses(
    sound: Float[np.ndarray, " time"], *, below: float = 35.0, sure: float = 15.0
) -> Float[np.ndarray, " kept"]:
    """A sound from the first to the last frame that is loud enough to be part of it.

    Loud enough is what is within ``below`` decibels of the loudest frame, and 2.5 times as loud
    as the quietest tenth; what is within ``sure`` decibels always is.
    """
    level = np.sqrt((frames(sound, 2 * HOP) ** 2).mean(axis=1))
    level = np.convolve(np.pad(level, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    loudest = level.max()
    floor = min(2.5 * np.percentile(level, 10), loudest * 10 ** (-sure / 20))
    loud = np.flatnonzero(level > max(loudest * 10 ** (-below / 20), floor))
    return sound[loud[0] * 2 * HOP : loud[-1] * 2 * HOP + FRAME]


def frames(sound: Float[np.ndarray, " time"], hop: int) -> Float[np.ndarray, "frames samples"]:
    """Overlapping stretches of 25 ms; a sound that is shorter is filled up with silence."""
    filled = np.pad(sound, (0, max(0, FRAME - len(sound))))
    return np.lib.stride_tricks.sliding_window_view(filled, FRAME)[::hop]


def mel_bands(
    count: int, lowest: float = 60.0, highest: float = 7_600.0
) -> Float[np.ndarray, "count bins"]:
    """Triangles of equal width on the mel scale, over the bins of a spectrum (O'Shaughnessy 1987).

    m = 2595 log₁₀(1 + f / 700).
    """
    ends = 2595 * np.log10(1 + np.array([lowest, highest]) / 700)
    mels = np.linspace(ends[0], ends[1], count + 2)
    edges = 700 * (10 ** (mels / 2595) - 1)
    bins = np.fft.rfftfreq(SPECTRUM, 1 / RATE)
    rising = (bins - edges[:-2, None]) / np.diff(edges)[:-1, None]
    falling = (edges[2:, None] - bins) / np.diff(edges)[1:, None]
    return np.maximum(0, np.minimum(rising, falling))


def log_mel(
    sound: Float[np.ndarray, " time"], bands: Float[np.ndarray, "count bins"], *, span: float = 40.0
) -> Float[np.ndarray, "frames count"]:
    """The power in each band, in decibels, no less than ``span`` below the greatest."""
    emphasised = np.append(sound[:1], sound[1:] - 0.95 * sound[:-1])
    windowed = frames(np.pad(emphasised, FRAME // 2), HOP) * np.hanning(FRAME)
    power = np.abs(np.fft.rfft(windowed, SPECTRUM)) ** 2 @ bands.T
    decibels = 10 * np.log10(power + 1e-20)
    return np.maximum(decibels, decibels.max() - span)


def cepstra(
    decibels: Float[np.ndarray, "frames count"], order: int, *, lift: float = 0.3
) -> Float[np.ndarray, "frames order"]:
    """The shape of each frame's spectrum, coarse to fine, without what the whole sound shares.

    The cosine transform of the bands; the mean over time, which is the voice's and the room's, is
    taken away, and finer shapes are given more weight, 1 + ``lift`` k.
    """
    shapes = np.asarray(dct(decibels, axis=1, norm="ortho"))[:, :order]
    weights = 1 + lift * np.arange(order)
    weights[0] = lift  # loudness says little of what was said
    return (shapes - shapes.mean(axis=0)) * weights


def in_steps(course: Float[np.ndarray, "frames dim"], steps: int) -> Float[np.ndarray, "steps dim"]:
    """A course of any duration in a fixed number of steps, smoothed over the length of one."""
    half = max(1, len(course) // steps)
    window = np.hanning(2 * half + 3)[1:-1]
    padded = np.pad(course, ((half, half), (0, 0)), mode="edge")
    window /= window.sum()
    where = np.linspace(0, len(course) - 1, steps)
    smooth = [np.convolve(one, window, mode="valid") for one in padded.T]
    return np.stack([np.interp(where, np.arange(len(one)), one) for one in smooth], axis=1)
