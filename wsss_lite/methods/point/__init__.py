"""Methods that are given a click in each object, or its four extreme points."""
