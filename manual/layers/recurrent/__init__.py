"""Sequences, taken step by step: what a step gives goes into the next."""

from manual.layers.recurrent.gru import GRU, GRUCell
from manual.layers.recurrent.lstm import LSTM, LSTMCell
from manual.layers.recurrent.rnn import RNN, RNNCell

__all__ = ["GRU", "LSTM", "RNN", "GRUCell", "LSTMCell", "RNNCell"]
