// `import NeedletailTraining` suffices for a program that trains.
@_exported import Needletail
