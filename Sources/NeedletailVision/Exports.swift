// `import NeedletailVision` suffices for a program that trains on images.
@_exported import NeedletailTraining
