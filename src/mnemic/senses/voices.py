"""Whose voice a sound is, and what it says, to networks that were trained for the one alone."""

from functools import cache
from typing import Any

import numpy as np
from jaxtyping import Float

from mnemic.errors import CueError
from mnemic.senses.extra import extra, folder_of, release
from mnemic.senses.hearing import RATE, in_steps, without_noise, without_pauses
from mnemic.senses.own import FromCallable

WINDOW, STEP, BANDS = 76, 8, 32  # of the speech embedding: frames of 10 ms, and their bands
DIM = 96  # of one window
LOOKS = 3  # windows told of a sound
SHORTEST = RATE  # samples it is given at least: what is shorter is put in their middle
LEVEL = 0.1  # the standard deviation a sound is brought to


def voice() -> FromCallable:
    """Sounds by whose voice they are: Resemblyzer, the encoder of Wan et al. 2018."""
    return FromCallable(
        name="voice",
        modality="sound",
        encoder=_voice_features,
        dim=256,
        rate=RATE,
        version=release("Resemblyzer"),
    )


def said() -> FromCallable:
    """Sounds by what is said: the speech embedding of Lin et al. 2020, over the whole sound.

    Made to tell words of a second or so apart, whoever says them; it comes with openwakeword.
    """
    return FromCallable(
        name="said",
        modality="sound",
        encoder=said_features,
        dim=LOOKS * DIM,
        rate=RATE,
        version=f"said 1, {release('openwakeword')}",
    )


def _voice_features(samples: Float[np.ndarray, " time"]) -> Float[np.ndarray, " dim"]:
    resemblyzer, encoder = _resemblyzer()
    spoken = resemblyzer.preprocess_wav(samples)
    if len(spoken) < RATE // 10:
        raise CueError("there is no voice in this sound, or less than a tenth of a second of it")
    return encoder.embed_utterance(spoken)


@cache
def _resemblyzer() -> tuple[Any, Any]:
    module = extra("resemblyzer")
    return module, module.VoiceEncoder("cpu", verbose=False)


def said_features(samples: Float[np.ndarray, " time"]) -> Float[np.ndarray, " dim"]:
    """What the speech embedding makes of the beginning, middle and end of a sound."""
    clean = without_pauses(without_noise(samples))
    level = float(np.sqrt(np.mean(clean**2)))
    missing = max(0, SHORTEST - len(clean))
    padded = np.pad(clean * (LEVEL / level), (missing // 2, missing - missing // 2))
    bands, embedding = _speech_embedding()
    pcm = (padded * 32_767).clip(-32_768, 32_767).astype(np.float32)[None]
    mel = bands.run(None, {"input": pcm})[0].reshape(-1, BANDS) / 10 + 2
    starts = range(0, len(mel) - WINDOW + 1, STEP)
    windows = np.stack([mel[start : start + WINDOW] for start in starts])[..., None]
    looks = np.concatenate(
        [embedding.run(None, {"input_1": window[None]})[0].reshape(1, DIM) for window in windows]
    )
    return (looks if len(looks) == LOOKS else in_steps(looks, LOOKS)).reshape(-1)


@cache
def _speech_embedding() -> tuple[Any, Any]:
    """The two networks: sound to bands of the mel scale, and a window of those to features."""
    folder = folder_of("openwakeword") / "resources" / "models"
    onnxruntime = extra("onnxruntime")
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    bands, embedding = (
        onnxruntime.InferenceSession(
            str(folder / file), options, providers=["CPUExecutionProvider"]
        )
        for file in ("melspectrogram.onnx", "embedding_model.onnx")
    )
    return bands, embedding
