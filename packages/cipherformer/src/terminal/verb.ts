import { Command } from 'commander';

/** A command of which all that is missing is told at once, and whose help marks what has to be given. */
export class Verb extends Command {
  /** What was typed, the verb first. */
  readonly typed: readonly string[];

  constructor(name?: string, typed: readonly string[] = []) {
    super(name);
    this.typed = typed;
    this.configureHelp({
      optionDescription: (option) => {
        const { description, defaultValue, argChoices } = option;
        const notes = [
          ...(argChoices ? [`one of ${argChoices.join(', ')}`] : []),
          ...(defaultValue === undefined ? [] : [`default: ${option.defaultValueDescription ?? defaultValue}`]),
        ];
        const tail = notes.length > 0 ? ` (${notes.join('; ')})` : '';
        return `${option.mandatory ? '(required) ' : ''}${description}${tail}`;
      },
    });
  }

  override createCommand(name?: string): Verb {
    return new Verb(name, this.typed);
  }

  /** Called by commander with the first required option that is missing. */
  missingMandatoryOptionValue(): never {
    const missing = this.options
      .filter(({ mandatory }) => mandatory)
      .filter((option) => this.getOptionValue(option.attributeName()) === undefined);
    return this.error(`${this.name()} needs ${missing.map(({ flags }) => flags).join(', ')}`, {
      code: 'commander.missingMandatoryOptionValue',
    });
  }
}
