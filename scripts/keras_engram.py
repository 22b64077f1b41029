"""Run the cell of tensorflow-engram 0.1.0, and write down what it gives, or how long it takes.

It needs an environment of its own (Python 3.12): ``pip install tensorflow-cpu tensorflow-engram
safetensors``. ``python scripts/keras_engram.py record FILE`` writes weights, inputs, outputs and
gradients of a small cell, which ``tests/nn/test_engram_published.py`` expects of ours;
``python scripts/keras_engram.py time BATCH TIME FEATURES DIM SLOTS`` prints the milliseconds of
processor time of a training step, on one thread.
"""

import os
import sys
import time
from statistics import median
from typing import Any

import numpy as np
import tensorflow as tf
from keras import layers
from safetensors.numpy import save_file
from tensorflow_engram.layers import EngramCell

Arrays = dict[str, np.ndarray]


def recorded(*, batch: int, steps: int, features: int, dim: int, slots: int) -> Arrays:
    """A cell over time, with noise that is written down too, and a trace that meets its bound."""
    rng = np.random.default_rng(0)

    def drawn(*shape: int) -> np.ndarray:
        return rng.normal(size=shape).astype(np.float32)

    cell = EngramCell(dim, slots)
    inputs, hidden, trace = (
        drawn(batch, steps, features),
        drawn(batch, dim),
        0.1 * drawn(slots, dim),
    )
    noise = 0.001 * drawn(steps, slots, dim)
    first = [tf.constant(hidden), tf.constant(trace)]
    cell.build((batch, features))
    cell(tf.constant(inputs[:, 0]), [*first, cell.memory_bank])  # makes the other weights
    cell.set_weights([0.5 * drawn(*each.shape) for each in cell.get_weights()])
    cell.layer_norm1.gamma.assign(4 * cell.layer_norm1.gamma)  # so that the trace meets its bound
    weights = {f"weight {i:02}": each for i, each in enumerate(cell.get_weights())}
    to_outputs, to_trace = drawn(batch, steps, dim), drawn(slots, dim)
    seen, draw = tf.constant(inputs), tf.random.normal
    with tf.GradientTape() as tape:
        tape.watch([seen, *first])
        state, outputs = [*first, cell.memory_bank], []
        for step in range(steps):
            tf.random.normal = lambda *_, step=step, **__: tf.constant(noise[step])
            output, state = cell(seen[:, step], state)
            outputs.append(output)
        tf.random.normal = draw
        stacked = tf.stack(outputs, axis=1)
        loss = tf.reduce_sum(stacked * to_outputs) + tf.reduce_sum(state[1] * to_trace)
    asked = [seen, *first, *cell.trainable_weights]
    names = ["inputs", "hidden", "trace", *(each.path for each in cell.trainable_weights)]
    gradients = tape.gradient(loss, asked)
    return (
        weights
        | {"inputs": inputs, "hidden": hidden, "trace": trace, "noise": noise}
        | {"to outputs": to_outputs, "to trace": to_trace}
        | {"outputs": stacked.numpy(), "last trace": state[1].numpy()}
        | {
            f"gradient {i:02} {name}": np.asarray(each)
            for i, (name, each) in enumerate(zip(names, gradients, strict=True))
        }
    )


def milliseconds(batch: int, steps: int, features: int, dim: int, slots: int) -> float:
    """Of processor time, a training step: the median of nine."""
    layer = layers.RNN(EngramCell(dim, slots), return_sequences=True)
    inputs = tf.random.normal((batch, steps, features))
    layer(inputs)

    @tf.function
    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(tf.square(layer(inputs)))
        return tape.gradient(loss, layer.trainable_weights)

    taken: list[float] = []
    for _ in range(11):
        began = time.process_time()
        [np.asarray(each) for each in step() if each is not None]
        taken.append(time.process_time() - began)
    return 1e3 * median(taken[2:])


if __name__ == "__main__":
    os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
    tf.config.threading.set_intra_op_parallelism_threads(1)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    if sys.argv[1] == "record":
        save_file(recorded(batch=3, steps=9, features=4, dim=8, slots=6), sys.argv[2])
    else:
        print(milliseconds(*map(int, sys.argv[2:])))
