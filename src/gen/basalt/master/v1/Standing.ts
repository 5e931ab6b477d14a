// Original file: proto/master.proto


export interface Standing {
  'isDoubtful'?: (boolean);
  'isDamaged'?: (boolean);
  'isResyncing'?: (boolean);
}

export interface Standing__Output {
  'isDoubtful': (boolean);
  'isDamaged': (boolean);
  'isResyncing': (boolean);
}
